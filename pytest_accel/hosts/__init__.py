"""Several hosts: who this one is, how they find each other, and one answer for all."""

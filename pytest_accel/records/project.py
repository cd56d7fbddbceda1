"""The state of the project that was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProjectState:
    """Which code of the project a session measured, as far as version control and CI tell.

    ``revision`` is a full commit hash, None outside of Git. ``branch`` is None where it is not known,
    ``has_changes`` says whether tracked files differ from the revision. ``ci_url`` is the page of the CI job,
    ``time`` when the session began (ISO 8601, UTC).
    """

    name: str
    time: str
    revision: str | None = None
    branch: str | None = None
    has_changes: bool | None = None
    ci_url: str | None = None

    @property
    def short_revision(self) -> str | None:
        """The revision as people write it, such as "1a2b3c4d5e6f with changes"; None without one."""
        if self.revision is None:
            return None
        return self.revision[:12] + (" with changes" if self.has_changes else "")

    @property
    def provenance(self) -> dict[str, str]:
        """What an accepted entry keeps of it."""
        known = {"branch": self.branch, "revision": self.short_revision}
        return {name: value for name, value in known.items() if value is not None}

"""The published throughput sweep: ResNet-50 training on synthetic data, one benchmark a global batch."""


def test_synthetic_throughput(accel, scale, global_batch):
    accel.throughput(
        "resnet50", global_batch=global_batch, image_size=scale.image_size, precision=scale.precision
    )

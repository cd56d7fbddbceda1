"""How long does a training step take? Replace the model, the optimizer and the batch with your own."""

from pytest_accel import Accel

BATCH = 256


def test_training_step(accel: Accel) -> None:
    import torch  # here, so that collecting the tests does not import it

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images = torch.randn(BATCH, 784, device=device)
    labels = torch.randint(10, (BATCH,), device=device)

    def train_step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    accel.measure(train_step, examples_per_step=BATCH)

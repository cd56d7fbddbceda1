"""The built-in workloads by name: which parameters each has and what they may be. No framework in here.

Another workload is another entry of ``WORKLOADS`` here, with a model for it in at least one framework.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accel.records import Scalar, Workload

__tracebackhide__ = True  # pytest then shows the user's own lines only

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
MAX_SHIPPED_EXAMPLES_PER_STEP = 10**9


@dataclass(frozen=True)
class Parameter:
    """One parameter of a workload: values of ``type`` that ``accepts`` is true of.

    ``allowed`` says the same in words. A default may be a function of the global batch.
    """

    type: type[str] | type[int] | type[float] | type[bool]
    default: Scalar | Callable[[int], Scalar]
    allowed: str
    accepts: Callable[[Any], bool]


def linear_learning_rate(global_batch: int) -> float:
    """0.1 for 256 examples, in proportion below: Goyal et al., "Accurate, Large Minibatch SGD" (2017).

    No more than 0.1 above that, where their rule needs a warm-up.
    """
    return 0.1 * min(1.0, global_batch / 256)


def _from_0_below_1(value: float) -> bool:
    return 0 <= value < 1


# Weight decay as in Goyal et al. (2017), smoothing as in T. He et al., "Bag of Tricks" (2018).
_RESNET50 = {
    "precision": Parameter(str, "float32", f"one of {', '.join(PRECISIONS)}", PRECISIONS.__contains__),
    "image_size": Parameter(int, 224, "a whole number from 32 to 8192", lambda pixels: 32 <= pixels <= 8192),
    "num_classes": Parameter(
        int, 1000, "a whole number from 2 to 10**6", lambda number: 2 <= number <= 10**6
    ),
    "learning_rate": Parameter(
        float, linear_learning_rate, "a finite number above 0", lambda rate: 0 < rate < math.inf
    ),
    "momentum": Parameter(float, 0.9, "a number from 0 and below 1", _from_0_below_1),
    "weight_decay": Parameter(float, 1e-4, "a finite number from 0", lambda decay: 0 <= decay < math.inf),
    "label_smoothing": Parameter(float, 0.1, "a number from 0 and below 1", _from_0_below_1),
}

WORKLOADS: Mapping[str, Mapping[str, Parameter]] = {"resnet50": _RESNET50}

DATASETS: Mapping[str, Mapping[str, Scalar | Callable[[int], Scalar]]] = {
    "digits": {
        "global_batch": 64,
        "image_size": 32,
        "num_classes": 10,
        "learning_rate": lambda batch: 0.05 * batch / 64,
        "warmup_epochs": 1.0,
    },
    "imagenet": {
        "global_batch": 1024,
        "learning_rate": lambda batch: 0.1 * batch / 256,
        "warmup_epochs": 5.0,
        "deterministic": False,
    },
}
"""The datasets by name, with what differs there from the defaults of a workload.

ImageNet: learning rate 0.1 for 256 examples, warmed up for 5 epochs, as in Goyal et al. (2017). To make every
operation deterministic would cost speed, which is measured there as well.
"""

_DATASET = {
    "dataset": Parameter(str, None, f"one of {', '.join(DATASETS)}, or a function that makes it", bool),
}

_TRAINING = {
    **_DATASET,
    "epochs": Parameter(int, None, "a whole number from 1 to 10**6", lambda epochs: 1 <= epochs <= 10**6),
    "target": Parameter(
        float, None, "a share of top-1 above 0 and up to 1, such as 0.95", lambda t: 0 < t <= 1
    ),
    "warmup_epochs": Parameter(
        float, 2.0, "a number of epochs from 0", lambda epochs: 0 <= epochs < math.inf
    ),
    "deterministic": Parameter(bool, True, "True or False", lambda _: True),
}

_PIPELINE = {
    **_DATASET,
    **{name: _RESNET50[name] for name in ("precision", "image_size", "num_classes")},
}


def workload(
    name: str,
    /,
    *,
    framework: str,
    global_batch: int,
    dataset: str | Callable[[], object] | None = None,
    **parameters: Any,
) -> Workload:
    """A built-in workload with all its parameters, defaults filled in; on synthetic data without ``dataset``.

    ``global_batch`` is the number of examples per step, over all devices. Raises ValueError that names what
    is wrong and what is allowed.
    """
    known = _known(name)
    if dataset is None:
        return _complete(name, known, framework, global_batch, parameters)
    return _on_data(name, {**known, **_DATASET}, framework, dataset, global_batch, parameters)


def input_pipeline(
    *, framework: str, dataset: str | Callable[[], object], global_batch: int | None, **parameters: Any
) -> Workload:
    """The batches of a dataset, made ready for training, and no training. Raises ValueError as above."""
    return _on_data("input_pipeline", _PIPELINE, framework, dataset, global_batch, parameters)


def training(
    name: str,
    /,
    *,
    framework: str,
    dataset: str | Callable[[], object],
    global_batch: int | None = None,
    **parameters: Any,
) -> Workload:
    """A built-in workload to be trained on a dataset, for ``epochs`` epochs, to a top-1 of ``target``.

    What is not given is as the dataset has it, and else as the workload has it. Raises ValueError as
    ``workload`` does, also for a warm-up that is longer than the training.
    """
    known = {**_known(name), **_TRAINING}
    complete = _on_data(name, known, framework, dataset, global_batch, parameters)
    warmup_epochs, epochs = complete.parameters["warmup_epochs"], complete.parameters["epochs"]
    assert isinstance(warmup_epochs, float)
    assert isinstance(epochs, int)
    if warmup_epochs >= epochs:
        raise ValueError(
            f"{name}: a warm-up of {warmup_epochs:g} epochs leaves nothing of {epochs}: train longer, or "
            "give warmup_epochs=, such as warmup_epochs=0."
        )
    return complete


def _on_data(
    name: str,
    known: Mapping[str, Parameter],
    framework: str,
    dataset: str | Callable[[], object],
    global_batch: int | None,
    parameters: Mapping[str, Any],
) -> Workload:
    """A dataset of the user's own goes by the name of the function that makes it."""
    if callable(dataset):
        if not hasattr(dataset, "__qualname__"):
            raise ValueError(
                f"{name}: dataset={dataset!r} has no name of its own to tell it by; give a function "
                "(def ...) that calls it"
            )
        dataset = f"{dataset.__module__}.{dataset.__qualname__}"
        defaults: Mapping[str, Scalar | Callable[[int], Scalar]] = {}
    elif isinstance(dataset, str) and dataset in DATASETS:
        defaults = DATASETS[dataset]
    else:
        raise ValueError(
            f"Unknown dataset {dataset!r}; allowed: {', '.join(DATASETS)}, or a function that gives two "
            "tf.data.Datasets."
        )
    batch: Any = defaults.get("global_batch") if global_batch is None else global_batch
    if batch is None:
        raise ValueError(f"{name}: the dataset {dataset} has no global batch of its own: give global_batch=.")
    filled = {
        key: value(batch) if callable(value) and type(batch) is int else value
        for key, value in defaults.items()
        if key in known
    }
    return _complete(name, known, framework, batch, {**filled, **parameters, "dataset": dataset})


def _known(name: str) -> Mapping[str, Parameter]:
    if not isinstance(name, str) or name not in WORKLOADS:
        raise ValueError(f"Unknown workload {name!r}; allowed: {', '.join(WORKLOADS)}.")
    return WORKLOADS[name]


def _complete(
    name: str, known: Mapping[str, Parameter], framework: str, batch: Any, parameters: Mapping[str, Any]
) -> Workload:
    if type(batch) is not int or not 1 <= batch <= MAX_SHIPPED_EXAMPLES_PER_STEP:
        raise ValueError(
            f"{name}: global_batch={batch!r} is not allowed; give a whole number from 1 to 10**9."
        )
    for given in parameters:
        if given not in known:
            raise ValueError(f"{name}: unknown parameter {given!r}; allowed: {', '.join(known)}.")
    complete = {
        key: _checked(f"{name}: {key}", parameters[key], parameter)
        if key in parameters
        else _default(parameter, batch)
        for key, parameter in known.items()
    }
    return Workload(name=name, framework=framework, examples_per_step=batch, parameters=complete)


def _default(parameter: Parameter, global_batch: int) -> Scalar:
    return parameter.default(global_batch) if callable(parameter.default) else parameter.default


def _checked(what: str, value: Any, parameter: Parameter) -> Scalar:
    """The value in the type of the parameter, so that 0 and 0.0 are the same workload."""
    if parameter.type is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if type(value) is not parameter.type or not parameter.accepts(value):
        raise ValueError(f"{what}={value!r} is not allowed; give {parameter.allowed}.")
    checked: Scalar = value
    return checked

"""A case's data, and what PyTorch makes of it."""
import fnmatch
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from files import Pcg32
from networks import Drop, Norm, build, layers_of


def make_images(rng, how, count, shape):
    """Noise, or slopes with noise ("mixed"), or whatever the function `how` makes."""
    if callable(how):
        return how(rng, count, shape).astype(np.uint8)
    noise = rng.integers(0, 256, (count, *shape))
    if how == "noise":
        return noise.astype(np.uint8)
    slope = (np.arange(shape[2])[None, None, None, :] * rng.integers(-9, 9, (count, shape[0], 1, 1))
             + np.arange(shape[1])[None, None, :, None] * rng.integers(-9, 9, (count, shape[0], 1, 1)) + 128)
    return np.clip(0.5 * noise + 0.5 * slope, 0, 255).astype(np.uint8)


def prepare(case, seed):
    """The job: initial weights, images, labels, and the orders of all epochs."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net, shape = build(case.net)
    classes = int(np.prod(shape))
    state = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    for k, v in state.items():
        if k.endswith("running_mean"):
            state[k] = rng.normal(0, 0.3, v.shape).astype(np.float32)
        elif k.endswith("running_var"):
            state[k] = rng.uniform(0.3, 2, v.shape).astype(np.float32)
        elif "tracked" in k:
            state[k] = np.array(7, np.int64)
        elif k.replace("weight", "running_mean") in state and k.endswith("weight"):
            state[k] = rng.uniform(0.5, 1.5, v.shape).astype(np.float32)
        elif k.replace("bias", "running_mean") in state and k.endswith("bias"):
            state[k] = rng.normal(0, 0.3, v.shape).astype(np.float32)
    for name, m in net.named_modules():
        if isinstance(m, (nn.GroupNorm, nn.LayerNorm)) and m.weight is not None:
            sign = rng.choice([-1, 1], m.weight.shape)
            state[f"{name}.weight"] = (sign * rng.uniform(0.5, 1.5, m.weight.shape)).astype(np.float32)
            state[f"{name}.bias"] = rng.normal(0, 0.3, m.weight.shape).astype(np.float32)
    if case.tweak:
        case.tweak(state, rng)
    image = tuple(case.image or case.net["input"])
    image = image if len(image) == 3 else (1, 1, image[0])
    job = {"state": state, "classes": classes, "image": image, "standard": None}
    for part, count in (("train", case.count), ("test", case.tests)):
        job[part] = make_images(rng, case.images, count, image)
        labels = rng.integers(0, classes, count) if case.labels is None else case.labels(rng, count)
        job[part + "_labels"] = labels.astype(np.uint8)
    top = int(job["train_labels"].max())
    job["test_labels"] = np.minimum(job["test_labels"], top)
    if case.standardize:
        x = preprocess(case, job["train"], torch.float64).numpy()
        mean, dev = x.mean(0), x.std(0)
        job["standard"] = (mean.astype(np.float32), np.where(dev > 1e-12, 1 / np.maximum(dev, 1e-30),
                0).astype(np.float32))
    job["shuffle"] = (int(rng.integers(1, 1 << 62)), int(rng.integers(1, 1 << 61)) * 2 + 1)
    draw = Pcg32(*job["shuffle"])
    job["orders"] = [draw.permutation(case.count) for _ in range(case.epochs)]
    return job


def preprocess(case, pixels, dtype, state=None):
    """Bytes to a network's input, as torch does it."""
    x = torch.tensor(np.asarray(pixels)).to(dtype) / 255
    if case.resize:
        x = F.interpolate(x, size=(case.resize, case.resize), mode="bilinear", align_corners=False, antialias=False)
    if state is not None and case.standardize:
        mean, inverse = state
        x = (x - torch.tensor(mean).to(dtype)) * torch.tensor(inverse).to(dtype)
    return x


def loss_of(case, logits, labels):
    """PyTorch's training loss of a case."""
    weights = None if case.weights is None else torch.tensor(case.weights, dtype=logits.dtype)
    return F.cross_entropy(logits, labels, weight=weights, label_smoothing=case.more.get("label_smoothing", 0.0))


def optimizer_of(case, net):
    """PyTorch's optimizer of a case."""
    more = case.more
    shared = {"lr": case.lr, "weight_decay": case.decay, "foreach": False}
    groups = [{"params": list(net.parameters())}]
    if more.get("decay_weights_only"):
        weights = [m.weight for m in layers_of(net) if isinstance(m, (nn.Conv2d, nn.Linear))]
        others = [p for p in net.parameters() if all(p is not w for w in weights)]
        groups = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
    if case.optimizer in ("adam", "adamw"):
        kind = torch.optim.Adam if case.optimizer == "adam" else torch.optim.AdamW
        return kind(groups, eps=case.eps, betas=(more.get("beta1", 0.9), more.get("beta2", 0.999)), **shared)
    if case.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, eps=case.eps, alpha=more.get("alpha", 0.99), momentum=case.momentum, **shared)
    return torch.optim.SGD(groups, momentum=case.momentum, nesterov=bool(more.get("nesterov")), **shared)


def freeze(case, net):
    """Lets the parameters that a case freezes get no gradients from now on. PyTorch's optimizers leave these out."""
    for name, parameter in net.named_parameters():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in case.freeze):
            parameter.requires_grad_(False)
            parameter.grad = None


def rates_of(case, steps_per_epoch, steps):
    """The learning rate of every step, by PyTorch's schedulers: the warm-up's first, then the schedule's from its own start."""
    def run(make, each, count):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=case.lr)
        scheduler, rates = make(optimizer), []
        for step in range(count):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if (step + 1) % each == 0:
                scheduler.step()
        return rates

    more, kinds = case.more, torch.optim.lr_scheduler
    warm = math.floor(more.get("warmup_epochs", 0) * steps_per_epoch + 0.5)
    left = math.floor(more.get("schedule_epochs", 0) * steps_per_epoch + 0.5) - warm
    gamma = more.get("gamma", 0.1)
    makers = {
        "constant": (lambda o: kinds.LambdaLR(o, lambda _: 1), 1),
        "step": (lambda o: kinds.StepLR(o, int(more["step_size"]), gamma), steps_per_epoch),
        "multistep": (lambda o: kinds.MultiStepLR(o, [int(m) for m in more["milestones"]], gamma), steps_per_epoch),
        "exponential": (lambda o: kinds.ExponentialLR(o, gamma), steps_per_epoch),
        "cosine": (lambda o: kinds.CosineAnnealingLR(o, left, more.get("eta_min", 0)), 1),
        "one-cycle": (lambda o: kinds.OneCycleLR(o, case.lr, left, pct_start=more.get("pct_start", 0.3),
                                                 cycle_momentum=False, div_factor=more.get("div_factor", 25),
                                                 final_div_factor=more.get("final_div_factor", 1e4)), 1),
    }
    make, each = makers[more.get("schedule", "constant")]
    rates = run(lambda o: kinds.LinearLR(o, more.get("warmup_start", 0.01), 1.0, warm), 1, warm) if warm else []
    return (rates + run(make, each, max(steps - warm, 0)))[:steps]


def updates_of(case):
    """The number of updates in an epoch."""
    return -(-case.count // (case.batch * case.more.get("accumulate", 1)))


def batches_of(case, order):
    """The batches of an epoch: their samples, their shares of the update's samples, and whether they begin and end it."""
    whole = case.batch * case.more.get("accumulate", 1)
    for first in range(0, len(order), whole):
        samples = order[first:first + whole]
        for at in range(0, len(samples), case.batch):
            index = torch.tensor(samples[at:at + case.batch])
            Drop.begins = at == 0
            yield index, len(index) / len(samples), at == 0, at + case.batch >= len(samples)


def average_of(case, net):
    """PyTorch's average of a case's weights and running statistics; without one, the network itself."""
    decay = case.more.get("ema", 0)
    if not decay:
        return net, lambda: None
    averaged = torch.optim.swa_utils.AveragedModel(net, avg_fn=lambda mean, now, _: decay * mean + (1 - decay) * now,
                                                   use_buffers=True)
    return averaged.module, lambda: averaged.update_parameters(net)


class Rates:
    """Takes the steps of a case's training: sets the rate of each, and clips the gradients."""

    def __init__(self, case, optimizer):
        per_epoch = updates_of(case)
        self.clip_norm = case.more.get("clip_norm", 0)
        self.factor = 0.0 if self.clip_norm > 0 else 1.0  # the largest that gradients were multiplied by
        self.optimizer, self.rates = optimizer, iter(rates_of(case, per_epoch, per_epoch * case.epochs))

    def step(self):
        rate = next(self.rates)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.clip_norm > 0:
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, self.clip_norm))
            self.factor = max(self.factor, min(1.0, self.clip_norm / (norm + 1e-6)))
        self.optimizer.step()


def load(net, state, dtype):
    net.to(dtype)
    own = net.state_dict()
    net.load_state_dict({k: torch.tensor(state[k]).to(own[k].dtype) for k in own}, strict=True)


def reference(case, job, dtype, perturb=None, layers=False):
    """Trains in PyTorch. Returns every quantity by name, as a NumPy array of float64 (hits: with the gaps of the logits)."""
    net, _ = build(case.net)
    load(net, job["state"], dtype)
    x, xt = (preprocess(case, job[k], dtype, job["standard"]) for k in ("train", "test"))
    if perturb is not None:
        g = torch.Generator().manual_seed(perturb)
        def shake(t):
            return t * (1 + 2.0 ** -23 * (2 * torch.rand(t.shape, generator=g, dtype=torch.float64).to(t.dtype) - 1))
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(shake(p))
        x, xt = shake(x), shake(xt)
        def round_both_ways(_m, _i, output):
            output = shake(output)
            if output.requires_grad:
                output.register_hook(shake)
            return output
        for m in layers_of(net) if layers else ():
            m.register_forward_hook(round_both_ways)
    y, yt = torch.tensor(job["train_labels"]).long(), torch.tensor(job["test_labels"]).long()
    opt = optimizer_of(case, net)
    rates = Rates(case, opt)
    judged, move_average = average_of(case, net)
    out, first = {}, True
    lists = [[m for m in s if not isinstance(m, nn.Identity)] for s in net.modules() if isinstance(s, nn.Sequential)]
    idle = [a.bias for own in lists for a, b in zip(own, own[1:]) if isinstance(a, (nn.Conv2d, nn.Linear)) and a.bias is not None
            and isinstance(b, Norm)]
    names = [n for n, _ in net.named_parameters()]
    for epoch, order in enumerate(job["orders"]):
        net.train()
        loss_sum, hits, close = 0.0, 0, []
        for index, share, begins, ends in batches_of(case, order):
            if begins:
                opt.zero_grad()
            z = net(x[index])
            loss = loss_of(case, z, y[index])
            (loss * share).backward()
            if first and ends:
                for n, p in net.named_parameters():
                    out["gradient " + n] = p.grad.clone()
                freeze(case, net)  # only now: the first gradients are compared without frozen parameters
                first = False
            for bias in idle:  # mathematically 0; Adam would turn what rounding leaves into whole steps
                if bias.requires_grad:
                    bias.grad.zero_()
            loss_sum += float(loss.detach()) * len(index)
            hits += int((z.argmax(1) == y[index]).sum())
            if ends:
                rates.step()
                move_average()
            if z.shape[1] > 1:
                top = z.detach().topk(2, 1).values
                close += ((top[:, 0] - top[:, 1]) / (1 + z.detach().abs().max())).tolist()
        out[f"loss epoch {epoch + 1}"] = torch.tensor(loss_sum / len(order))
        out[f"hits {epoch + 1}"] = (hits, close)
        judged.eval()
        with torch.no_grad():
            zt = judged(xt)
        out[f"test loss epoch {epoch + 1}"] = F.cross_entropy(zt, yt)
        top = zt.topk(2, 1).values
        out[f"test hits {epoch + 1}"] = (int((zt.argmax(1) == yt).sum()), ((top[:, 0] - top[:,
                1]) / (1 + zt.abs().max())).tolist())
    for n, v in net.state_dict().items():
        if "tracked" in n:
            out["tracked " + n] = v.clone()
        elif judged is not net:
            out[("raw-statistic " if "running" in n else "raw-weight ") + n] = v.clone()
    for n, v in judged.state_dict().items():
        if "tracked" in n:
            continue
        out[("statistic " if "running" in n else "weight ") + n] = v.clone()
    for n, p in zip(names, net.parameters()):
        for key, value in opt.state.get(p, {}).items():
            if key in ("exp_avg", "exp_avg_sq", "square_avg", "momentum_buffer") and value is not None:
                out[f"moment {key} {n}"] = value.clone()
    out["trained logits"], out["clip factor"] = zt, torch.tensor(rates.factor)
    return {k: v.detach().double().numpy() if isinstance(v, torch.Tensor) else v for k, v in out.items()}


def margin(case, job):
    """How near a ReLU, a Hardswish or a max pool comes to a kink in any step, relative to its largest input."""
    least = [math.inf]
    net, _ = build(case.net)
    load(net, job["state"], torch.float64)

    def relu(_m, inputs):
        v = inputs[0].detach().abs()
        v = v[v > 0]
        if v.numel():
            least[0] = min(least[0], float(v.min() / v.max()))

    def pooling(m, inputs):
        x = inputs[0].detach()
        if x.abs().max() == 0:
            return
        p = m.padding
        x = F.pad(x / x.abs().max(), (p[1], p[1], p[0], p[0]), value=-1e30)
        w = F.unfold(x.reshape(-1, 1, *x.shape[2:]), m.kernel_size, stride=m.stride)
        if w.shape[1] > 1:
            gap = w.max(1, keepdim=True).values - w
            gap = gap[gap > 0]
            if gap.numel():
                least[0] = min(least[0], float(gap.min()))

    def hardswish(_m, inputs):
        for end in (-3, 3):
            relu(_m, (inputs[0] - end,))

    for m in layers_of(net):
        if isinstance(m, (nn.ReLU, nn.LeakyReLU, nn.ELU)):
            m.register_forward_pre_hook(relu)
        elif isinstance(m, nn.Hardswish):
            m.register_forward_pre_hook(hardswish)
        elif isinstance(m, nn.MaxPool2d):
            m.register_forward_pre_hook(pooling)
    x = preprocess(case, job["train"], torch.float64, job["standard"])
    y = torch.tensor(job["train_labels"]).long()
    opt = optimizer_of(case, net)
    rates = Rates(case, opt)
    freeze(case, net)
    net.train()
    for order in job["orders"]:
        for index, share, begins, ends in batches_of(case, order):
            if begins:
                opt.zero_grad()
            (loss_of(case, net(x[index]), y[index]) * share).backward()
            if ends:
                rates.step()
    return least[0]



def logits_of(net_json, tensors, x, dtype=torch.float64):
    """The logits that PyTorch predicts with clenet's weights."""
    net, _ = build(net_json)
    state = {k: v for k, v in tensors.items() if not k.startswith("optimizer.")}
    load(net, state, dtype)
    net.eval()
    with torch.no_grad():
        return net(x.to(dtype)).double().numpy()


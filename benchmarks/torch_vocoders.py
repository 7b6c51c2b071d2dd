"""PyTorch's side of benchmarks/vocoders.py: the same generators, discriminators and training steps, run eagerly."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Stack(nn.Module):
    """A residual stack with a learned shortcut."""

    def __init__(self, channels, dilation):
        super().__init__()
        conv = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.block = nn.Sequential(
            nn.LeakyReLU(0.2), nn.ReflectionPad1d(dilation), conv, nn.LeakyReLU(0.2), nn.Conv1d(channels, channels, 1)
        )
        self.shortcut = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class MelGAN(nn.Module):
    """Full-band and multi-band MelGAN's generator; sub-bands are joined by a transposed convolution as PQMF is."""

    def __init__(self, channels=512, scales=(8, 8, 2, 2), stacks=3, bands=1):
        super().__init__()
        layers = [nn.ReflectionPad1d(3), nn.Conv1d(80, channels, 7)]
        for s in scales:
            layers += [nn.LeakyReLU(0.2), nn.ConvTranspose1d(channels, channels // 2, 2 * s, s, s // 2)]
            channels //= 2
            layers += [Stack(channels, 3**j) for j in range(stacks)]
        layers += [nn.LeakyReLU(0.2), nn.ReflectionPad1d(3), nn.Conv1d(channels, bands, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.register_buffer("filters", torch.randn(bands, 1, 64) if bands > 1 else None)

    def bands(self, mel):
        return self.layers(mel)

    def join(self, bands):
        return bands if self.filters is None else F.conv_transpose1d(bands, self.filters, stride=4, padding=30)

    def forward(self, mel):
        return self.join(self.bands(mel))


class ParallelWaveGAN(nn.Module):
    """The generator, with the last block's unused output left out."""

    def __init__(self, blocks=30, cycle=10):
        super().__init__()
        self.mel_in = nn.Conv1d(80, 80, 5, bias=False)
        self.ups = nn.ModuleList(nn.Conv2d(1, 1, (1, 9), padding=(0, 4), bias=False) for _ in range(4))
        self.first, self.head = nn.Conv1d(1, 64, 1), nn.Sequential(
            nn.ReLU(), nn.Conv1d(64, 64, 1), nn.ReLU(), nn.Conv1d(64, 1, 1)
        )  # fmt: skip
        dilations = [2 ** (i % cycle) for i in range(blocks)]
        self.dilated = nn.ModuleList(nn.Conv1d(64, 128, 3, dilation=d, padding=d) for d in dilations)
        self.mels = nn.ModuleList(nn.Conv1d(80, 128, 1, bias=False) for _ in dilations)
        self.skips = nn.ModuleList(nn.Conv1d(64, 64, 1) for _ in dilations)
        self.outs = nn.ModuleList(nn.Conv1d(64, 64, 1) for _ in dilations[1:])

    def bands(self, mel):
        mel = self.mel_in(F.pad(mel, (2, 2), mode="replicate"))
        for up in self.ups:
            mel = up(mel.repeat_interleave(4, -1)[:, None])[:, 0]
        x, skips = self.first(torch.randn(len(mel), 1, mel.shape[-1])), 0
        for i, dilated in enumerate(self.dilated):
            a, b = (dilated(x) + self.mels[i](mel)).chunk(2, 1)
            y = torch.tanh(a) * torch.sigmoid(b)
            skips = skips + self.skips[i](y)
            x = (self.outs[i](y) + x) * math.sqrt(0.5) if i < len(self.outs) else None
        return self.head(skips * math.sqrt(1 / len(self.dilated)))

    def join(self, audio):
        return audio

    def forward(self, mel):
        return self.bands(mel)


class Scales(nn.Module):
    """MelGAN's discriminators: (logits, feature maps) of each scale."""

    def __init__(self, strides=(4, 4, 4, 4), most=1024):
        super().__init__()
        self.scales = nn.ModuleList(self.one(strides, most) for _ in range(3))
        self.pool = nn.AvgPool1d(4, 2, 1, count_include_pad=False)

    @staticmethod
    def one(strides, most, channels=16):
        layers = [nn.Sequential(nn.ReflectionPad1d(7), nn.Conv1d(1, channels, 15), nn.LeakyReLU(0.2))]
        for s in strides:
            wider = min(channels * s, most)
            conv = nn.Conv1d(channels, wider, 10 * s + 1, s, 5 * s, groups=channels // 4)
            layers.append(nn.Sequential(conv, nn.LeakyReLU(0.2)))
            channels = wider
        layers.append(nn.Sequential(nn.Conv1d(channels, most, 5, padding=2), nn.LeakyReLU(0.2)))
        return nn.ModuleList([*layers, nn.Conv1d(most, 1, 3, padding=1)])

    def forward(self, x):
        found = []
        for layers in self.scales:
            maps = [x]
            for layer in layers:
                maps.append(layer(maps[-1]))
            found.append((maps[-1], maps[1:-1]))
            x = self.pool(x)
        return found


class Samples(nn.Sequential):
    """Parallel WaveGAN's discriminator."""

    def __init__(self):
        layers = [nn.Conv1d(1, 64, 3, padding=1), nn.LeakyReLU(0.2)]
        for d in range(1, 9):
            layers += [nn.Conv1d(64, 64, 3, padding=d, dilation=d), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv1d(64, 1, 3, padding=1))

    def forward(self, x):
        return [(super().forward(x), [])]


FULL = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
SUB = ((384, 30, 150), (683, 60, 300), (171, 10, 60))


def stft_loss(real, fake, resolutions=FULL):
    real, fake, total = real.flatten(0, 1), fake.flatten(0, 1), 0
    for n_fft, hop, win in resolutions:
        window = torch.hann_window(win)
        r, f = (torch.stft(x, n_fft, hop, win, window, return_complex=True) for x in (real, fake))
        r, f = (torch.sqrt((z.real**2 + z.imag**2).clamp(min=1e-7)) for z in (r, f))
        total = total + (r - f).norm() / r.norm() + (r.log() - f.log()).abs().mean()
    return total / len(resolutions)


def networks(name):
    """(generator, discriminator) at the papers' sizes, without weight normalisation."""
    if name == "melgan":
        return MelGAN(), Scales()
    if name == "multiband_melgan":
        return MelGAN(384, (8, 4, 2), 4, 4), Scales((4, 4, 4), 512)
    return ParallelWaveGAN(), Samples()


def training_step(name, batch):
    """A function that takes one step of the recipe's losses on random crops, one generator pass for both updates."""
    generator, discriminator = networks(name)
    for network in (generator, discriminator):
        normalise(network)
    g_adam, d_adam = (torch.optim.Adam(x.parameters(), 1e-4) for x in (generator, discriminator))
    samples = {"melgan": 8192, "multiband_melgan": 16384, "parallel_wavegan": 25600}[name]
    mel, real = torch.randn(batch, 80, samples // 256), torch.rand(batch, 1, samples) - 0.5

    hinge = name == "melgan"

    def d_loss(real, fake):
        if hinge:
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        return (real - 1).square().mean() + fake.square().mean()

    def step():
        bands = generator.bands(mel)
        fake = generator.join(bands)
        there, made = discriminator(real), discriminator(fake.detach())
        d_adam.zero_grad()
        sum(d_loss(x, y) for (x, _), (y, _) in zip(there, made, strict=True)).backward()
        d_adam.step()
        g_adam.zero_grad()
        made = discriminator(fake)
        loss = sum(-x.mean() if hinge else (x - 1).square().mean() for x, _ in made)
        if hinge:
            maps = [(a, b.detach()) for x, y in zip(made, there, strict=True) for a, b in zip(x[1], y[1], strict=True)]
            loss = loss + sum((a - b).abs().mean() for a, b in maps)
        else:
            loss = loss + stft_loss(real, fake)
        if bands.shape[1] > 1:
            loss = loss + stft_loss(real.reshape(batch, -1, 4).transpose(1, 2), bands, SUB)
        loss.backward()
        g_adam.step()

    return step


def normalise(network):
    """Weight normalisation on every convolution."""
    for module in network.modules():
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            nn.utils.parametrizations.weight_norm(module)

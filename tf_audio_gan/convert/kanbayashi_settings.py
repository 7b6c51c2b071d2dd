"""config.yml of kan-bayashi/ParallelWaveGAN: what of it this package's networks can be, and how training goes on."""

FIXED = {  # class there: {setting: the values that this package's network has}; shapes show the rest
    "MelGANGenerator": {
        "bias": [True], "stack_kernel_size": [3], "nonlinear_activation": ["LeakyReLU"],
        "nonlinear_activation_params": [{"negative_slope": 0.2}], "pad": ["ReflectionPad1d"], "pad_params": [{}],
        "use_final_nonlinear_activation": [True], "use_causal_conv": [False],
    },
    "ParallelWaveGANGenerator": {
        "in_channels": [1], "out_channels": [1], "aux_context_window": [2], "bias": [True], "use_causal_conv": [False],
        "upsample_conditional_features": [True], "upsample_net": ["ConvInUpsampleNetwork"],
    },
    "MelGANMultiScaleDiscriminator": {
        "in_channels": [1], "out_channels": [1], "kernel_sizes": [[5, 3]], "bias": [True],
        "downsample_pooling": ["AvgPool1d"],
        "downsample_pooling_params": [{"kernel_size": 4, "stride": 2, "padding": 1, "count_include_pad": False}],
        "nonlinear_activation": ["LeakyReLU"], "nonlinear_activation_params": [{"negative_slope": 0.2}],
        "pad": ["ReflectionPad1d"], "pad_params": [{}],
    },
    "ParallelWaveGANDiscriminator": {
        "in_channels": [1], "out_channels": [1], "kernel_size": [3], "dilation_factor": [1], "bias": [True],
        "nonlinear_activation": ["LeakyReLU"], "nonlinear_activation_params": [{"negative_slope": 0.2}],
    },
}  # fmt: skip
UPSAMPLING = {
    "interpolate_mode": ["nearest"], "freq_axis_kernel_size": [1], "nonlinear_activation": [None],
    "use_causal_conv": [False], "aux_context_window": [2],
}  # fmt: skip
DISCRIMINATORS = {
    "MelGANGenerator": "MelGANMultiScaleDiscriminator", "ParallelWaveGANGenerator": "ParallelWaveGANDiscriminator",
}  # fmt: skip


def check_settings(config, where, with_discriminator):
    """The generator's class; refuses networks that this package does not have.

    Args:
        config: of config.yml.
        where: its path, for errors.
        with_discriminator: whether the discriminator is wanted too.

    Raises:
        ValueError: another class, or settings that change what the network computes.
    """
    kind = config.get("generator_type", "ParallelWaveGANGenerator")
    if kind not in DISCRIMINATORS:
        raise ValueError(
            f"{where}: generators that can be converted are {', '.join(DISCRIMINATORS)}. Received: {kind!r}"
        )
    settings = _settings(config, "generator_params", where)
    _check(settings, FIXED[kind], f"{where}: generator_params")
    if kind == "ParallelWaveGANGenerator":
        _check(_settings(settings, "upsample_params", where), UPSAMPLING, f"{where}: upsample_params")
        if type(settings.get("stacks", 3)) is not int:
            raise ValueError(f"{where}: stacks must be a whole number. Received: {settings['stacks']!r}")
    if with_discriminator:
        _check_discriminator(config, kind, where)
    return kind


def _check_discriminator(config, kind, where):
    found, wanted = config.get("discriminator_type", "ParallelWaveGANDiscriminator"), DISCRIMINATORS[kind]
    advice = "generator_only (--generator-only) converts the generator alone"
    if found != wanted:
        raise ValueError(
            f"{where}: beside a {kind} this package has the discriminator {wanted}. Received: {found!r}; {advice}"
        )
    try:
        _check(_settings(config, "discriminator_params", where), FIXED[wanted], f"{where}: discriminator_params")
    except ValueError as error:
        raise ValueError(f"{error}; {advice}") from None


def _settings(config, name, where):
    settings = config.get(name)
    if not isinstance(settings, dict):
        raise ValueError(f"{where} has no {name}; expected the config.yml that training wrote")
    return settings


def _check(settings, fixed, where):
    for name, values in fixed.items():
        if name in settings and settings[name] not in values:
            raise ValueError(f"{where}: {name} must be {values[0]}. Received: {settings[name]!r}")


def training_keywords(config, hop):
    """Keywords of the model's training that the config states, so that fine-tuning goes on as it went.

    Their adversarial and feature-matching terms are means over scales and layers, ours sums over scales. The
    discriminator takes part from the first step on.

    Args:
        config: of config.yml.
        hop: of the mels, in samples.
    """
    melgan = config.get("generator_type") == "MelGANGenerator"
    multi_scale = config.get("discriminator_type") == "MelGANMultiScaleDiscriminator"
    scales = _number(config.get("discriminator_params"), "scales", 3) if multi_scale else 3 if melgan else 1
    weight = _number(config, "lambda_adv", 1.0)
    half = 0.5 if config.get("use_subband_stft_loss") else 1.0
    stft = half * _number(config, "lambda_aux", 1.0) if config.get("use_stft_loss", True) else 0.0
    frames = max(1, int(_number(config, "batch_max_steps", 8192)) // hop)
    objective = config.get("generator_adv_loss_params")
    hinge = isinstance(objective, dict) and objective.get("loss_type") == "hinge"
    keywords = {
        "segment_length": frames * hop, "objective": "hinge" if hinge else "lsgan",
        "adversarial": weight / scales, "stft_loss": stft, "discriminator_start": 0, "gain": (1.0, 1.0),
    }  # fmt: skip
    if not melgan:
        return keywords
    matching = _number(config, "lambda_feat_match", 1.0) if config.get("use_feat_match_loss") else 0.0
    keywords |= {"feature_matching": weight * matching, "feature_matching_reduction": "mean", "context": 2}
    return keywords | {"subband_stft_loss": stft if half == 0.5 else 0.0}


def _number(config, name, default):
    value = config.get(name, default) if isinstance(config, dict) else default
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default

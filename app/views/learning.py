"""The page "Learning a score": of a mixture in the plane by a network, or of noisy images by a prior, while one watches."""

import streamlit as st

from app.controls import source_control
from app.layout import headline
from app.learning_shown import follow, mixture_figures, mixture_numbers, noisy_figures, noisy_numbers
from app.learnings import BEST, BLUR, KERNEL, NOW, Learning, Plan
from app.lessons.learning import LESSON, MIXTURE, NOISY, PARTS
from app.noisy_learnings import LEVELS, USUAL_LEVELS, NoisyLearning, NoisyPlan
from app.session import in_url, plain, sentence, whole_in_url
from gnc_core.learning.noise2score import KINDS
from gnc_core.mixture.plane_examples import PLANE_PRESETS

USUAL = Plan()
state = st.session_state


def controls() -> Plan:
    """What a run depends on."""
    data = st.selectbox(
        "Data", list(PLANE_PRESETS), **in_url("data"),
        help=f"The points of *Two dimensions*, each blurred by {BLUR:g}: a mixture, whose score is known at every σ.",
    )  # fmt: skip
    samples = st.select_slider(
        "Samples", [25, 50, 100, 200, 400, 800], USUAL.samples, **in_url("samples"),
        help="Draws of x₀, σ and ξ. The network sees x = x₀ + σ ξ and σ, always the same ones, and is to say x₀.",
    )  # fmt: skip
    units = st.select_slider(
        "Width", [32, 64, 128, 256, 512, 1024], USUAL.units, **in_url("units"),
        help="Units of the hidden layer; kernel regression is the limit of infinitely many.",
    )  # fmt: skip
    low, high = sorted(st.slider(
        "Noise σ", 0.1, 1.0, USUAL.sigmas, 0.05, **in_url("noises"),
        help="The range that σ is drawn from, log σ uniformly, in units of x. A longer time of diffusion is a larger σ.",
    ))  # fmt: skip
    iterations = st.select_slider(
        "Iterations", [500, 1000, 2000, 4000, 8000], USUAL.iterations, **in_url("descent"),
        help="Of gradient descent on all samples. Its step size is half of the largest one that is stable for the kernel.",
    )  # fmt: skip
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, USUAL.seed, **whole_in_url("learn-seed"), help="Of samples and network."
    )
    return Plan(data, int(samples), int(units), (low, high), int(iterations), int(seed))


def arrow_controls() -> tuple[float, str]:
    """The sigma of the arrows, and whose they are."""
    sigma = st.slider(
        "Arrows at σ", 0.1, 1.0, 0.3, 0.05, **in_url("arrows-at"), help="Outside the range of the noise, f extrapolates."
    )  # fmt: skip
    of = st.selectbox(
        "Arrows of", [NOW, BEST, KERNEL], **in_url("arrows-of"), help="Kernel regression is shown after as many iterations "
        "as the network has done, and before it has begun after all of them.",
    )  # fmt: skip
    return sigma, of


def noisy_controls() -> tuple[NoisyPlan | None, bytes | None]:
    """The noisy image, and the bytes of an upload; None until it is there."""
    source, data, own = source_control()
    kind = st.selectbox(
        "Noise", [name.capitalize() for name in KINDS], **in_url("noise-kind"),
        help="Gaussian: y = x + σ n. Poisson: y = ζ Poisson(x/ζ), the gain ζ is one photon. Gamma: y = x g, speckle of k looks.",
    ).lower()  # fmt: skip
    noise = kind
    if not (own and st.toggle("Noisy already", True, **in_url("noisy-already"), help="Nothing is added to the image.")):
        level = st.select_slider(
            f"Level {KINDS[kind].symbol}", LEVELS[kind], value=USUAL_LEVELS[kind], **in_url(f"{kind}-level"),
            help="σ and ζ in units of [0, 1]; the larger k, the less noise.",
        )  # fmt: skip
        noise = f"{kind}:{level}"
    side = st.slider(
        "Longest side", 96, 256, 192, 32, format="%d px", **in_url("noisy-side"),
        help="Clean images are scaled down to it, and then degraded; of noisy ones their middle is taken.",
    )  # fmt: skip
    iterations = st.select_slider(
        "Iterations", [100, 200, 400, 800], 200, **in_url("noisy-descent"), help="Of 4 patches, 24 × 24."
    )
    seed = st.number_input("Seed", 0, 2**31 - 1, 0, **whole_in_url("noisy-seed"), help="Of the noise and the training.")
    return (None if source is None else NoisyPlan(source, noise, side, int(iterations), int(seed))), data


def begin(plan: Plan | NoisyPlan, data: bytes | None) -> None:
    """What the button does: goes on with a run that was stopped, or begins one."""
    run = state.learning
    if run.finished or run.error:
        run = state.learning = made(plan, data)
    run.go_on()


def made(plan: Plan | NoisyPlan, data: bytes | None) -> Learning | NoisyLearning:
    return Learning(plan) if isinstance(plan, Plan) else NoisyLearning(plan, data)


def page() -> None:
    row = headline("Learning a score", LESSON)
    with st.sidebar:
        part = st.segmented_control(
            "Learn from", PARTS, default=MIXTURE, required=True, **in_url("learn-from"),
            help="Draws of a mixture, whose score is known; or a noisy image, and nothing else.",
        )  # fmt: skip
        plan: Plan | NoisyPlan | None
        data, sigma, of = None, 0.0, ""
        if part == NOISY:
            plan, data = noisy_controls()
        else:
            plan = controls()
            sigma, of = arrow_controls()
    if plan is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
        return
    if "learning" not in state or state.learning.plan != plan:
        try:
            state.learning = made(plan, data)
        except Exception as error:
            state.pop("learning", None)
            st.error(plain(sentence(error)))
            return
    run: Learning | NoisyLearning = state.learning
    under_way = run.iteration > 0 and not run.finished and not run.error
    row.button("Go on" if under_way else "Start", type="primary", icon=":material/play_arrow:", disabled=run.running,
               on_click=begin, args=(plan, data), help="Learn with the settings on the left.", key="learn")  # fmt: skip
    row.button("Stop", icon=":material/stop:", disabled=not run.running, on_click=run.stop, help="It can go on later.")
    if run.error:
        st.error(plain(run.error))
    if isinstance(run, Learning):
        follow(run, lambda: mixture_numbers(run), lambda: mixture_figures(run, sigma, of))
    else:
        follow(run, lambda: noisy_numbers(run), lambda: noisy_figures(run))


page()

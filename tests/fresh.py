"""Fresh processes that hold Keras and nothing of ours, forked from one that has imported it once."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def in_fresh_process(function, *arguments, timeout=300):
    """What `function(*arguments)` returns in a process of its own; what it raises is raised here.

    Importing TensorFlow takes longer than what is asked of such processes, and forking one that has, but has computed
    nothing yet, takes none. `function` stands at the top of a module; all that this module imports is imported there.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras"])
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result(timeout)

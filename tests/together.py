"""Several who do something at the same moment."""

import threading
from contextvars import Context

from webapp.transaction import transaction


def together(app, *works):
    """Do each work (a function) at the same moment, in a thread, an application context and a transaction of its own.

    What came of each, in their order: what it returned, or the error it ended with.
    """
    came, ready = [None] * len(works), threading.Barrier(len(works))

    def run(number, work):
        with app.app_context():
            ready.wait()
            try:
                with transaction():
                    came[number] = work()
            except Exception as error:  # noqa: BLE001 - who called looks at it
                came[number] = error

    threads = [threading.Thread(target=Context().run, args=(run, *each)) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came

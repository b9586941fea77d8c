"""JupyterHub for a class, on one machine with a Linux account for each student. See book/pages/class.md.

Start it as root from a copy of this repository: `jupyterhub -f tools/jupyterhub_config.py`. Left out: HTTPS, for which
`c.JupyterHub.ssl_cert` and `ssl_key`, or a web server before the hub, are needed outside a closed network.
"""

from pathlib import Path

c = get_config()  # noqa: F821  JupyterHub defines it
BOOK = Path(__file__).resolve().parent.parent

c.JupyterHub.bind_url = "http://:8000"
c.Authenticator.allow_all = True  # everyone with an account here; to name some instead: c.Authenticator.allowed_users

# Each student gets a copy of what is not there yet: cp -n never overwrites what a student has changed.
# The pages and pictures are what the notebooks link to; the code comes from the installed package.
copy = (
    "mkdir -p -m 700 ~/the-next-word && mkdir -p ~/the-next-word/book && "
    f'cp -Rn "{BOOK}/notebooks" ~/the-next-word/ && '
    f'cp -Rn "{BOOK}/book/pages" "{BOOK}/book/static" ~/the-next-word/book/'
)
c.Spawner.cmd = ["sh", "-c", f'{copy}; exec "$0" "$@"', "jupyterhub-singleuser"]
c.Spawner.notebook_dir = "~/the-next-word"
c.Spawner.default_url = "/lab/tree/notebooks/01_next_word.ipynb"

c.Spawner.environment = {
    "OPENBLAS_NUM_THREADS": "1",  # students share the cores; the models of the book are small
    "NEXT_WORD_CACHE": "/srv/the-next-word",  # texts are downloaded once for everyone
}
c.Spawner.args = [  # frees memory: an idle kernel ends after 30 minutes, an idle server after 2 hours
    "--MappingKernelManager.cull_idle_timeout=1800",
    "--ServerApp.shutdown_no_activity_timeout=7200",
]

"""nginx in front of the web processes, as an ingress stands there: it passes on, and tries another one only where the
first could not be reached, so that no write is sent twice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log crit; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
  access_log off; client_max_body_size 2m; server_tokens off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/unused; uwsgi_temp_path {folder}/unused; scgi_temp_path {folder}/unused;
  upstream memwrit {{ least_conn; {servers} keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://memwrit; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_connect_timeout 2s; proxy_read_timeout 120s; proxy_next_upstream error timeout; proxy_next_upstream_tries 2;
    }}
  }}
}}
"""


def program() -> str | None:
    """Where nginx is, if it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def command(folder: Path, port: int, ports: Sequence[int]) -> list[str]:
    """Write the configuration; the command that serves it."""
    folder.mkdir(parents=True, exist_ok=True)
    servers = " ".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=1s;" for each in ports)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port, servers=servers))
    return [str(program()), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]

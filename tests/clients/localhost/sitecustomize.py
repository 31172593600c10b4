"""For Python programs that run with this folder in PYTHONPATH: names under .localhost are this machine (RFC 6761, section
6.3), also where the system does not say so."""

import socket

_system_getaddrinfo = socket.getaddrinfo


def _getaddrinfo(host, *arguments, **named):
    is_local = isinstance(host, str) and host.endswith(".localhost")
    return _system_getaddrinfo("127.0.0.1" if is_local else host, *arguments, **named)


socket.getaddrinfo = _getaddrinfo

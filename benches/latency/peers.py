# Serves a directory with pyftpdlib: DIRECTORY HOST PORT PASSIVE-PORT [CERTIFICATE KEY].
import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

directory, host, port, passive_port, *identity = sys.argv[1:]
handler = FTPHandler
if identity:
    from pyftpdlib.handlers import TLS_FTPHandler as handler

    handler.certfile, handler.keyfile = identity
handler.authorizer = DummyAuthorizer()
handler.authorizer.add_anonymous(directory, perm="elradfmw")
if passive_port != "0":
    handler.passive_ports = [int(passive_port)]
logging.disable(logging.CRITICAL)
FTPServer((host, int(port)), handler).serve_forever()

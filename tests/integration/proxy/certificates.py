"""Makes certificates with the openssl command, right or wrong as a test asks."""

import pathlib
import ssl
import subprocess

PERIOD = ("20200101000000Z", "20491231000000Z")

CONFIGURATION = """
[ca]
default_ca = stand_in
[stand_in]
database = {place}/index.txt
new_certs_dir = {place}
default_md = sha256
policy = anything
rand_serial = yes
x509_extensions = server
[anything]
commonName = supplied
[server]
subjectAltName = {names}
basicConstraints = CA:TRUE
[req]
distinguished_name = name
[name]
"""


def make(directory, kind):
    """Makes key and certificate below `directory`.

    `kind` True: good for 127.0.0.1 and localhost, to whoever trusts it; "wrong_name": for another
    host; "expired": of the past. Gives back (path of the certificate, context for the server).
    """
    place = pathlib.Path(directory)
    key, request, certificate = place / "key.pem", place / "request.pem", place / "certificate.pem"
    names = "DNS:elsewhere.example" if kind == "wrong_name" else "IP:127.0.0.1,DNS:localhost"
    first, last = ("20010101000000Z", "20020101000000Z") if kind == "expired" else PERIOD
    (place / "ca.cnf").write_text(CONFIGURATION.format(place=place, names=names))
    (place / "index.txt").write_text("")
    openssl(
        "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-subj", "/CN=gitea-stand-in", "-config", place / "ca.cnf", "-keyout", key, "-out", request,
    )  # fmt: skip
    openssl(
        "ca", "-batch", "-selfsign", "-notext", "-config", place / "ca.cnf",
        "-keyfile", key, "-in", request, "-startdate", first, "-enddate", last,
        "-out", certificate,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return str(certificate), context


def openssl(*arguments):
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")

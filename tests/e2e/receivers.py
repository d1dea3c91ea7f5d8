"""Receivers of exports: small, real ones. Each listens on a free port of loopback and remembers what it took."""

import json
import logging
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gateway import eventually


class Http:
    """Takes posts. `answer` gives (status, body) for the n-th, or raises to break the connection."""

    def __init__(self, answer=lambda n: (200, b"{}")):
        self.posts = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.posts.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                try:
                    status, said = answer(len(receiver.posts))
                except ConnectionError:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def otlp_records(body):
    """The records of an OTLP/HTTP JSON body, read by OpenTelemetry's own definitions. Unknown fields are errors."""
    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = json_format.Parse(body, ExportLogsServiceRequest())
    for resource in request.resource_logs:
        names = {a.key: a.value.string_value for a in resource.resource.attributes}
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield names, record


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


RSYSLOG = """
module(load="imtcp")
module(load="imudp")
template(name="parts" type="list" option.jsonf="on") {{
    property(outname="pri" name="pri" format="jsonf")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="msgid" name="msgid" format="jsonf")
    property(outname="sd" name="structured-data" format="jsonf")
    property(outname="msg" name="msg" format="jsonf")
}}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="keep")
input(type="imudp" port="{port}" address="127.0.0.1" ruleset="keep")
ruleset(name="keep") {{ action(type="omfile" file="{out}" template="parts" asyncWriting="off" flushInterval="1") }}
"""


class Rsyslog:
    """A real rsyslogd, without privileges, that writes the parts of each message as JSON."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="cordon-e2e-rsyslog-"))
        self.port, self.out = free_port(), self.directory / "out.json"
        config = self.directory / "rsyslog.conf"
        config.write_text(RSYSLOG.format(port=self.port, out=self.out))
        command = ["rsyslogd", "-n", "-f", config, "-i", self.directory / "pid"]
        self.child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.directory)
        eventually(self.up, "rsyslogd listens")

    @staticmethod
    def program():
        return shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")

    def up(self):
        if self.child.poll() is not None:
            raise RuntimeError(self.child.stderr.read().decode())
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True

    def messages(self):
        text = self.out.read_text() if self.out.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def close(self):
        self.child.terminate()
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class S3:
    """An S3 server (moto) with one bucket."""

    BUCKET = "records"
    KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "an example's secret", "AWS_REGION": "eu-central-1"}

    def __init__(self):
        import boto3
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.client = boto3.client(
            "s3", endpoint_url=self.url, region_name=self.KEYS["AWS_REGION"],
            aws_access_key_id=self.KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=self.KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        where = {"LocationConstraint": self.KEYS["AWS_REGION"]}
        self.client.create_bucket(Bucket=self.BUCKET, CreateBucketConfiguration=where)

    def objects(self):
        """Each key and when it was last written."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.BUCKET)
        return {o["Key"]: o["LastModified"] for page in pages for o in page.get("Contents", [])}

    def fetch(self, prefix, directory):
        for key in self.objects():
            path = directory / key.removeprefix(prefix + "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.client.get_object(Bucket=self.BUCKET, Key=key)["Body"].read())

    def close(self):
        self.server.stop()


class Slow:
    """A stream's other end that takes its time before it closes, and keeps what came."""

    def __init__(self, seconds=0.0):
        self.seconds, self.taken = seconds, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                data = b""
                while chunk := peer.recv(65536):
                    data += chunk
                self.taken.append(data)
                time.sleep(self.seconds)

    def close(self):
        self.socket.close()


def uncount(data):
    """Messages out of octet-counted frames (RFC 6587, 3.4.1)."""
    while data:
        length, _, rest = data.partition(b" ")
        size = int(length)
        assert len(rest) >= size, "a frame is cut"
        yield rest[:size]
        data = rest[size:]

"""`strongroom agent`: programs without any configured key, by the container protocol and by the metadata service.

Source: AWS SDKs and Tools Reference Guide, "Container credential provider", "IMDS credential provider"; EC2 User Guide,
"Use the Instance Metadata Service to access instance metadata".
"""

import contextlib
import dataclasses
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

import boto3
import pytest

from harness import ROOT, binary, refused
from test_web_identity import Issuer

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
SECURITY_CREDENTIALS = "/latest/meta-data/iam/security-credentials/"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def host(server, alice):
    """What a host is given: a user that may do nothing but take one role, and that role, which may use S3."""
    iam = server.client(alice, "iam")
    name = f"host-{os.getpid()}"
    user = iam.create_user(UserName=name)["User"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=f"{name}-role", Path="/hosts/", AssumeRolePolicyDocument=policy(trust))["Role"]
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="s3", PolicyDocument=policy(allowed))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    account = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    return account, role


class Agent:
    """A running agent, and what it printed."""

    def __init__(self, environment, role_arn, home, *arguments, imds=True, container=True):
        self.token_file = home / "token"
        self.log_path = home / "agent.log"
        command = [binary(), "agent", "--role-arn", role_arn, "--output", "json", "--log-level", "trace"]
        if container:
            command += ["--listen-credentials", "127.0.0.1:0", "--token-file", str(self.token_file)]
        if imds:
            command += ["--listen-imds", "127.0.0.1:0"]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*command, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        line = self.process.stdout.readline()
        assert line, self.log()
        self.shown = json.loads(line)
        self.environment = self.shown["environment"]

    def log(self):
        return self.log_path.read_text(errors="replace")

    def ask(self, which, method, path, headers=()):
        """One request to a listener, and its answer."""
        where, port = self.shown[which].rsplit(":", 1)
        connection = http.client.HTTPConnection(where, int(port), timeout=10)
        try:
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def container(self, token=None):
        token = self.token_file.read_text() if token is None else token
        return self.ask("listen_credentials", "GET", "/v1/credentials", {"Authorization": token})

    def session_token(self, seconds=60):
        status, token = self.ask("listen_imds", "PUT", "/latest/api/token", {TTL: str(seconds)})
        assert status == 200, token
        return token

    def metadata(self, path, token=None):
        return self.ask("listen_imds", "GET", path, {TOKEN: self.session_token() if token is None else token})

    def credentials(self, timeout=20):
        """What it hands out, once it has some."""
        deadline = time.monotonic() + timeout
        while True:
            status, body = self.container()
            if status == 200:
                return json.loads(body)
            assert status == 503 and time.monotonic() < deadline, (status, body, self.log())
            time.sleep(0.05)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=20)
        self.process.stdout.close()
        return status


@pytest.fixture
def start(server, host, tmp_path):
    """Starts agents of the host's user; each must end well."""
    running = []

    def run(*arguments, environment=None, role_arn=None, **options):
        account, role = host
        home = tmp_path / f"agent-{len(running)}"
        home.mkdir()
        given = server.environment(account) if environment is None else environment
        running.append(Agent(given, role_arn or role["Arn"], home, *arguments, **options))
        return running[-1]

    yield run
    for agent in running:
        if agent.process.poll() is None:
            assert agent.end() == 0, agent.log()


def ambient(agent, *names):
    """The environment of a program that has no key, but these variables that the agent printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    kept |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "127.0.0.1,localhost"}
    return kept | {name: agent.environment[name] for name in names}


CONTAINER = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
IMDS = ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
PROGRAM = """
import boto3, sys
session = boto3.session.Session()
store = session.client("s3")
store.put_object(Bucket=sys.argv[1], Key="python", Body=b"by python")
assert store.get_object(Bucket=sys.argv[1], Key="python")["Body"].read() == b"by python"
print(session.get_credentials().method, session.get_credentials().access_key)
"""


@pytest.mark.parametrize("way, method", [(CONTAINER, "container-role"), (IMDS, "iam-role")])
def test_boto3_works_without_any_key(start, bucket, way, method):
    agent = start()
    id_ = agent.credentials()["AccessKeyId"]
    environment = ambient(agent, *way, "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_REGION")
    command = [sys.executable, "-c", PROGRAM, bucket]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + agent.log()
    assert done.stdout.split() == [method, id_]


@pytest.mark.parametrize("way", [CONTAINER, IMDS], ids=["container", "imds"])
def test_java_works_without_any_key(start, server, bucket, way):
    java, libraries = shutil.which("java"), ROOT / ".cache" / "java"
    if java is None:
        pytest.skip("java is not installed")
    if not (libraries / "wanted").exists():
        pytest.skip(f"{libraries} is not there; script/test installs it")
    agent = start()
    id_ = agent.credentials()["AccessKeyId"]
    environment = ambient(agent, *way) | {"BUCKET": bucket, "CA": server.ca, "ENDPOINT": server.endpoint()}
    if way == CONTAINER:
        environment["AWS_REGION"] = server.region
    source = pathlib.Path(__file__).with_name("clients") / "java" / "Ambient.java"
    command = [java, "-XX:TieredStopAtLevel=1", "-cp", f"{libraries / 'lib'}/*", str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:] + agent.log()[-4000:]
    assert done.stdout.split() == [server.region, id_]


def test_the_shown_form_for_shells_is_one_that_a_shell_reads(server, host, tmp_path):
    account, role = host
    odd = tmp_path / "it's $HOME"
    odd.mkdir()
    command = [binary(), "agent", "--role-arn", role["Arn"], "--listen-credentials", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--token-file", str(odd / "token")],
        env=server.environment(account),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = [process.stdout.readline() for _ in range(7)]
    process.terminate()
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    script = "".join(lines) + 'printf %s "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"'
    said = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=20)
    assert said.stdout == str(odd / "token"), said.stderr


def test_credentials_are_renewed_before_they_end(start, server, s3, bucket):
    agent = start("--duration", "900", "--renew-before", "896")
    first = agent.credentials()
    deadline = time.monotonic() + 60
    while (second := agent.credentials())["AccessKeyId"] == first["AccessKeyId"]:
        assert time.monotonic() < deadline, agent.log()
        time.sleep(0.2)
    assert second["Expiration"] >= first["Expiration"]
    status, body = agent.metadata(f"{SECURITY_CREDENTIALS}{agent.shown['role_arn'].rsplit('/', 1)[1]}")
    assert status == 200 and json.loads(body)["Code"] == "Success"
    for given in (first, second):
        session = boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["Token"], server.region)
        store = session.client("s3", endpoint_url=server.endpoint(), verify=server.ca)
        store.head_bucket(Bucket=bucket)


def test_the_container_protocol_wants_its_token(start):
    agent = start()
    agent.credentials()
    assert stat.S_IMODE(agent.token_file.stat().st_mode) == 0o600
    token = agent.token_file.read_text()
    assert "\n" not in token
    for wrong in ("", "wrong", token[:-1], token + "x", f"Bearer {token}"):
        status, body = agent.container(wrong)
        assert status == 401 and json.loads(body)["code"] == "InvalidAuthorizationToken", wrong
        assert "SecretAccessKey" not in body
    assert agent.ask("listen_credentials", "GET", "/v1/credentials")[0] == 401
    shown = {"Authorization": token}
    assert agent.ask("listen_credentials", "POST", "/v1/credentials", shown)[0] == 405
    assert agent.ask("listen_credentials", "GET", "/v1/credentials", shown | {"X-Forwarded-For": "192.0.2.1"})[0] == 403
    assert agent.ask("listen_credentials", "GET", "/", shown)[0] == 404
    assert agent.container()[0] == 200
    assert agent.end() == 0
    assert not agent.token_file.exists()


def test_the_metadata_service_has_no_first_version(start, host):
    agent, role = start(), host[1]
    agent.credentials()
    for path in ("/", "/latest/meta-data/", SECURITY_CREDENTIALS, SECURITY_CREDENTIALS + role["RoleName"]):
        assert agent.ask("listen_imds", "GET", path)[0] == 401, path
        assert agent.metadata(path, "wrong")[0] == 401, path
    assert agent.metadata(SECURITY_CREDENTIALS) == (200, role["RoleName"])
    assert agent.metadata("/latest/meta-data/placement/region") == (200, agent.environment["AWS_REGION"])
    document = json.loads(agent.metadata("/latest/dynamic/instance-identity/document")[1])
    assert (document["region"], document["accountId"]) == (agent.environment["AWS_REGION"], role["Arn"].split(":")[4])
    for seconds in ("0", "21601", "-1", "x", ""):
        assert agent.ask("listen_imds", "PUT", "/latest/api/token", {TTL: seconds})[0] == 400, seconds
    assert agent.ask("listen_imds", "PUT", "/latest/api/token")[0] == 400


def test_what_a_proxy_or_a_page_in_a_browser_passes_on_is_refused(start):
    agent = start()
    for headers in ({"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}, {"Host": "rebound.example"}):
        assert agent.ask("listen_imds", "PUT", "/latest/api/token", {TTL: "60"} | headers)[0] == 403, headers
        given = {TOKEN: agent.session_token()} | headers
        assert agent.ask("listen_imds", "GET", SECURITY_CREDENTIALS, given)[0] == 403, headers


def test_a_session_token_is_good_for_its_time_and_its_agent(start):
    agent, other = start(), start()
    token = agent.session_token(1)
    assert agent.metadata("/latest/meta-data/placement/region", token)[0] == 200
    assert other.metadata("/latest/meta-data/placement/region", token)[0] == 401
    deadline = time.monotonic() + 10
    while agent.metadata("/latest/meta-data/placement/region", token)[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("arguments, status", [([], "403"), (["--allow-uid", "65534"], "200"), (["--allow-uid", "any"], "200")])
def test_programs_of_other_users_are_refused_unless_allowed(start, arguments, status):
    agent = start(*arguments)
    port = agent.shown["listen_imds"].rsplit(":", 1)[1]
    program = (
        "import http.client, sys\n"
        f"c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=10)\n"
        f"c.request('PUT', '/latest/api/token', headers={{'{TTL}': '60'}})\n"
        "print(c.getresponse().status)"
    )
    command = ["/usr/bin/env", "python3", "-c", program]
    done = subprocess.run(command, user=65534, cwd="/", capture_output=True, text=True, timeout=20)
    assert done.stdout.strip() == status, done.stderr


def test_old_credentials_are_served_while_the_store_is_away(fresh, tmp_path):
    server = fresh().start()
    iam = server.client(server.root, "iam")
    user = iam.create_user(UserName="host")["User"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=policy(trust))["Role"]
    key = iam.create_access_key(UserName="host")["AccessKey"]
    account = dataclasses.replace(server.root, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    away = Agent(server.environment(account), role["Arn"], tmp_path, "--duration", "900", "--renew-before", "896")
    try:
        first = away.credentials()
        assert server.stop() == 0
        deadline = time.monotonic() + 30
        while "no new credentials" not in away.log():
            assert time.monotonic() < deadline, away.log()
            time.sleep(0.1)
        time.sleep(0.5)
        assert away.container()[0] == 200
        server.start()
        while away.credentials()["AccessKeyId"] == first["AccessKeyId"]:
            assert time.monotonic() < deadline + 60, away.log()
            time.sleep(0.2)
    finally:
        assert away.end() == 0


def test_what_is_wrong_is_told_to_programs_and_secrets_to_no_log(start, server, host):
    account, role = host
    denied = start(role_arn=role["Arn"] + "-other")
    deadline = time.monotonic() + 20
    while "AccessDenied" not in (body := denied.container()[1]):
        assert time.monotonic() < deadline, body
        time.sleep(0.1)
    assert denied.container()[0] == 503
    assert denied.metadata(SECURITY_CREDENTIALS + role["RoleName"] + "-other")[0] == 503
    agent = start()
    given = agent.credentials()
    token = agent.session_token()
    agent.metadata(SECURITY_CREDENTIALS + role["RoleName"], token)
    file_token = agent.token_file.read_text()
    log = agent.log() + denied.log()
    assert given["AccessKeyId"] in log
    for secret in (given["SecretAccessKey"], given["Token"], account.secret_key, token, file_token):
        assert secret not in log


@pytest.mark.parametrize("flag", ["--listen-credentials", "--listen-imds"])
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "169.254.169.254:80", "192.0.2.1:1338"])
def test_addresses_that_others_reach_are_refused(server, host, tmp_path, flag, address):
    account, role = host
    arguments = ["agent", "--role-arn", role["Arn"], flag, address]
    if flag == "--listen-credentials":
        arguments += ["--token-file", str(tmp_path / "token")]
    done = server.run(*arguments, account=account, check=False)
    assert done.returncode == 1 and "loopback" in done.stderr
    assert not (tmp_path / "token").exists()


def test_a_margin_that_leaves_no_time_is_refused(server, host):
    account, role = host
    arguments = ["--listen-imds", "127.0.0.1:0", "--duration", "900", "--renew-before", "900"]
    done = server.run("agent", "--role-arn", role["Arn"], *arguments, account=account, check=False)
    assert done.returncode == 1 and "--renew-before" in done.stderr


@contextlib.contextmanager
def fake_sts():
    """An STS that takes any OIDC token and remembers what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append((dict(self.headers), dict(urllib.parse.parse_qsl(body))))
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 900))
            answer = (
                '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>"
                f"ASIA{len(asked):016}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
                f"<SessionToken>token</SessionToken><Expiration>{end}</Expiration></Credentials>"
                "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{service.server_address[1]}", asked
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


def test_an_oidc_token_is_read_anew_each_time_and_nothing_is_signed(start, server, tmp_path):
    token = tmp_path / "oidc"
    token.write_text("head.first.signature\n")
    with fake_sts() as (endpoint, asked):
        arguments = ["--web-identity-token-file", str(token), "--endpoint", endpoint, "--session-name", "me"]
        arguments += ["--duration", "900", "--renew-before", "898"]
        agent = start(*arguments, environment=server.environment())
        assert agent.credentials()["AccessKeyId"].startswith("ASIA0")
        token.write_text("head.second.signature\n")
        deadline = time.monotonic() + 30
        while asked[-1][1]["WebIdentityToken"] != "head.second.signature":
            assert time.monotonic() < deadline, agent.log()
            time.sleep(0.1)
        assert agent.end() == 0
    headers, form = asked[0]
    assert "Authorization" not in headers
    assert form == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": agent.shown["role_arn"],
        "RoleSessionName": "me",
        "DurationSeconds": "900",
        "WebIdentityToken": "head.first.signature",
    }
    assert "head." not in agent.log()


def test_a_token_of_an_oidc_issuer_is_enough_to_take_a_role(fresh, tmp_path):
    issuer = Issuer("https://idp.example.com/hosts")
    (tmp_path / "keys.json").write_text(json.dumps(issuer.key_set()))
    (tmp_path / "server.toml").write_text(f'[[oidc]]\nissuer = "{issuer.url}"\njwks_file = "keys.json"\n')
    server = fresh(extra=["--config", str(tmp_path / "server.toml")]).start()
    iam = server.client(server.root, "iam")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["app"], ThumbprintList=["0" * 40])
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    role = iam.create_role(RoleName="host", AssumeRolePolicyDocument=policy(trust))["Role"]
    token = tmp_path / "oidc"
    token.write_text(issuer.token())
    environment = server.environment() | {"AWS_CA_BUNDLE": server.ca, "AWS_ENDPOINT_URL": server.endpoint()}
    agent = Agent(environment, role["Arn"], tmp_path, "--web-identity-token-file", str(token))
    try:
        given = agent.credentials()
        session = boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["Token"], server.region)
        sts = session.client("sts", endpoint_url=server.endpoint(), verify=server.ca)
        assert sts.get_caller_identity()["Arn"].endswith(":assumed-role/host/strongroom-agent")
    finally:
        assert agent.end() == 0


def test_the_agent_s_own_key_may_do_nothing_else(server, host):
    account, _ = host
    assert refused(server.client(account).list_buckets) == ("AccessDenied", 403)

"""Promise: who types what README.md says gets what README.md says.

The blocks marked `sh` run one after the other in one copy of the tree, against a stand-in for the Gitea that they
name. Blocks marked `sh root` need root or systemd: their syntax is checked, and that what they name is installed.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import harness
import pytest
from gitea import Gitea

ROOT = harness.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
FORGE = "https://git.example.org"
BLOCK = re.compile(r"^```([a-z]+(?: root)?)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(README)
ROOT_BLOCKS = "".join(text for kind, text in BLOCKS if kind == "sh root")
TREE = ("common", "config", "daemon", "systemd", "tests", "meson.build", "meson_options.txt", "README.md", "LICENSE")


# What the same compiler has made of the same text before need not be made again.
CCACHE = shutil.which("ccache")


def block(words):
    (text,) = [text for _, text in BLOCKS if words in text]
    return text


def copy_of_the_tree(place):
    place.mkdir()
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
        else:
            shutil.copy2(source, place / name)
    return place


def kept_builds(place):
    """Variables for a build below `place` by ccache, with its usual store, where it is installed."""
    if not CCACHE:
        return {}
    store = subprocess.run([CCACHE, "--get-config", "cache_dir"], capture_output=True, text=True, check=True).stdout.strip()
    return {"CC": "ccache cc", "CCACHE_DIR": store, "CCACHE_BASEDIR": str(place), "CCACHE_NOHASHDIR": "1"}


class Reader:
    """Somebody who types what README.md says."""

    def __init__(self, place, gitea):
        self.place = place
        self.gitea = gitea
        self.environment = {
            "PATH": harness.PATH, "HOME": str(place.parent), "LANG": "C.UTF-8", "TMPDIR": str(place.parent),
            **harness.IDENTITY, **harness.SANITIZED, "CFLAGS": "-O0 -g0", **kept_builds(place),  # compiled sooner
        }  # fmt: skip

    def type(self, text, typed="", status=0):
        # Only the address differs, and so that the next block still has it, what was exported is kept.
        saved = self.place.parent / "environment"
        script = f'set -e\n{text.replace(FORGE, self.gitea.url)}\nexport -p >"{saved}"\n'
        if saved.exists():
            script = f'. "{saved}"\n{script}'
        done = subprocess.run(["bash", "-c", script], input=typed, capture_output=True, text=True, timeout=600,
                              cwd=self.place, env=self.environment)  # fmt: skip
        assert done.returncode == status, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def opened(self):
        return {pull.head for pull in self.gitea.pulls.values()}


@pytest.fixture
def gitea(tmp_path):
    (tmp_path / "forge").mkdir()
    project = harness.Project(tmp_path / "forge")
    made = Gitea(dialect="1.25", private=False, files=str(project.bare)).start()
    yield made
    made.stop()


@pytest.mark.timeout(1200)  # it compiles everything, and others compile beside it
def test_word_by_word(gitea, tmp_path):
    reader = Reader(copy_of_the_tree(tmp_path / "winnowd"), gitea)
    steps = [text for kind, text in BLOCKS if kind in ("sh", "python")]
    done = []

    def play(words, **more):
        text = block(words)
        assert steps[len(done)] == text, "a block that this test does not know"
        done.append(text)
        return reader.type(text, **more)

    demo = block("tests/demo")
    assert steps[0] == demo
    assert (reader.place / "tests/demo").exists()  # tests/run runs it
    done.append(demo)
    play("meson setup build")
    play("git clone")
    assert "lets winnowd do what it needs" in play("read -rs", typed=gitea.token + "\n")
    log = play("exp-1.json")
    assert re.search(r"experiment=exp-1 .*decision=promoted .*pull=1", log), log
    assert reader.opened() == {"experiment/exp-1"}
    samples = re.findall(r'^    (msg="result queued".*)$', README, re.MULTILINE)
    assert samples and all(sample in log for sample in samples), "README shows another log than this"

    # A producer in Python: its names are the reader's own.
    python = block(".exp-2.json.tmp")
    assert steps[len(done)] == python
    done.append(python)
    diff = subprocess.run(["git", "diff"], cwd=reader.place / "model", capture_output=True, text=True, check=True).stdout
    assert diff == "", "the clone was left changed"
    diff = "--- a/README.md\n+++ b/README.md\n@@ -1 +1,2 @@\n # A project\n+More.\n"
    names = f"import json, os, pathlib\nos.chdir({str(reader.place)!r})\nwhy, loss, diff = 'More', 0.96, {diff!r}\n"
    subprocess.run(["/usr/bin/python3", "-c", names + python], check=True, timeout=60)
    once = "build/daemon/winnowd -c winnowd.yaml --once"
    reader.type(once)
    assert reader.opened() == {"experiment/exp-1", "experiment/exp-2"}

    commit(reader, "RATE = 0.002", "RATE = 0.003")
    play("exp-3")
    reader.type(once)
    assert "experiment/exp-3" in reader.opened()

    short = commit(reader, "WIDTH = 64", "WIDTH = 80")
    with (reader.place / "model/results.tsv").open("a") as log:
        log.write(f"-\t0.960000\tbaseline\tas it was\n{short}\t0.940000\tkeep\ta wider model\n")
    play("results.tsv")
    log = reader.type(once)
    assert "experiment/results-0003" in reader.opened(), log
    assert "results-0003" in play("--status")
    assert len(done) == len(steps), "a block that this test does not know"
    gitea.assert_governed("experiment/", "main")
    token_stays_secret(reader)


def commit(reader, *setting):
    """What an experimenter does before it drops a result: a commit in the clone, its short hash."""
    train = reader.place / "model/train.py"
    name, value = setting[-1].split(" = ")
    train.write_text(re.sub(rf"^{name} = .*$", f"{name} = {value}", train.read_text(), flags=re.MULTILINE))
    return reader.type("cd model && git commit -qam 'An experiment' && git rev-parse --short HEAD && cd ..").strip()


def token_stays_secret(reader):
    for folder in ("spool", "state"):
        for path in (reader.place / folder).rglob("*"):
            assert not path.is_file() or reader.gitea.token.encode() not in path.read_bytes(), path


def test_the_configuration_has_ten_lines():
    text = re.search(r"<<EOF\n(.*?)\nEOF", block("git clone"), re.DOTALL)[1]
    assert len(text.splitlines()) == 10


def test_every_row_of_a_loop_s_log_is_taken_once(winnowd, project):
    """Rows with a tab, quotes or nothing in them, one or several at a time; and once more."""
    (winnowd.directory / "model").mkdir()
    log = winnowd.directory / "model/results.tsv"
    sha, _ = project.experiment({"train.py": harness.tweaked(WIDTH=65)})
    winnowd.configure(sources=[str(project.work)])

    def drop(text):
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
        subprocess.run(["sh", "-ec", block("results.tsv")], cwd=winnowd.directory, check=True, timeout=60)
        return winnowd.once()

    header = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    said = drop(f"{header}{project.base[:7]}\t1.0\t44.0\tbaseline\tas it was\n")
    assert said.decisions() == {"results-0002": "baseline"}
    said = drop(f"{sha[:7]}\t1.2\t44.0\tdiscard\ta tab\there\n{sha[:7]}\t\t\tcrash\t\n{sha[:7]}\t0.9\t44.0\tkeep\t\"wider\" $HOME `x`\n")
    assert said.decisions() == {"results-0003": "discarded", "results-0004": "crashed", "results-0005": "promoted"}, said.text
    (pull,) = winnowd.forge.pulls()
    assert '"wider" $HOME' in pull.body
    assert drop("").decisions() == {}


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind.startswith("sh")])
def test_the_syntax_of_a_block(text):
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_block_is_of_a_known_kind():
    assert {kind for kind, _ in BLOCKS} <= {"sh", "sh root", "python"}
    assert README.count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_what_is_installed_is_what_root_is_told(tmp_path, the_binary_is_there):
    """Installed below a directory, with the prefix of whoever follows README; then uninstalled."""
    build, root = pathlib.Path(harness.BINARY).parents[1], tmp_path / "root"
    quiet = {"check": True, "capture_output": True, "timeout": 600, "env": dict(os.environ)}
    targets = json.loads(subprocess.run(["meson", "introspect", "--targets", build], **quiet).stdout)
    made = [os.path.relpath(path, build) for target in targets if target["installed"] for path in target["filename"]]
    subprocess.run(["ninja", "-C", build, *made], **quiet)
    subprocess.run(["meson", "install", "--no-rebuild", "-C", build, "--destdir", root], **quiet)
    installed = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file()}
    names = {pathlib.Path(path).name for path in installed}
    assert "/usr/local/bin/winnowd" in installed and "/etc/winnowd/winnowd.yaml" in installed
    for words, file in {"systemctl": "winnowd.service", "systemd-sysusers": "winnowd.conf", "--create winnowd.conf":
                        "winnowd.conf", "--update-catalog": "winnowd.catalog"}.items():  # fmt: skip
        assert words in ROOT_BLOCKS and file in names, words
    for name in ("winnowd.8", "winnowd.yaml.5", "winnowd-result.5"):
        assert name in names or not shutil.which("scdoc"), name
    for name in ("winnowd.schema.json", "winnowd-result.schema.json"):
        json.loads((root / "usr/local/share/winnowd" / name).read_text())
    unit = next(path for path in root.rglob("winnowd.service")).read_text()
    (credential,) = re.findall(r"^LoadCredential=gitea-token:(.*)$", unit, re.MULTILINE)
    assert f"/etc/credstore/{credential}\n" in ROOT_BLOCKS
    assert "ExecReload=" in unit, "README reloads it"
    (program,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert program in installed
    tmpfiles = next(path for path in root.rglob("tmpfiles.d/winnowd.conf")).read_text()
    assert "/var/spool/winnowd" in tmpfiles
    quiet["env"]["DESTDIR"] = str(root)
    subprocess.run(["ninja", "-C", build, "uninstall"], **quiet)
    left = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file()}
    assert left <= {"/etc/winnowd/winnowd.yaml"}, left

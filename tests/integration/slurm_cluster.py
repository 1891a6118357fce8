"""A real Slurm cluster for the tests: a controller and two nodes on the loopback, as root without systemd.

Each cluster has a munge, ports and files of its own, so several run side by side. `stop()` ends what `start()`
began, by its process id.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess

from machine import eventually

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
MISSING = [name for name in PROGRAMS if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
NODES = ("n1", "n2")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    def __init__(self, directory, processors=4):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o755)
        self.file = self.directory / "slurm.conf"
        self.socket = self.directory / "munge" / "socket"
        self.processes = {}
        self.controllers = 0
        self._configure(processors)

    def _configure(self, processors):
        controller, *ports = free_ports(1 + len(NODES))
        host = socket.gethostname().partition(".")[0]
        for name in ("munge", "state", *NODES):
            (self.directory / name).mkdir(mode=0o755)
        key = self.directory / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        nodes = "\n".join(
            f"NodeName={name} NodeAddr=127.0.0.1 NodeHostname={host} Port={port} CPUs={processors}"
            for name, port in zip(NODES, ports, strict=True)
        )
        self.file.write_text(f"""
ClusterName=winnowd
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller}
SlurmUser=root
AuthInfo=socket={self.socket},cred_expire=5
StateSaveLocation={self.directory}/state
SlurmctldPidFile={self.directory}/controller.pid
SlurmdPidFile={self.directory}/%n/pid
SlurmdSpoolDir={self.directory}/%n
SlurmctldLogFile={self.directory}/controller.log
SlurmdLogFile={self.directory}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
SlurmdTimeout=8
PlugStackConfig=/dev/null
SchedulerParameters=bf_interval=1,sched_interval=1
{nodes}
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
PartitionName=p Nodes={",".join(NODES)} Default=YES MaxTime=INFINITE State=UP PreemptMode=CANCEL PriorityTier=1
PartitionName=urgent Nodes={",".join(NODES)} MaxTime=INFINITE State=UP PreemptMode=OFF PriorityTier=9
""")

    def environment(self):
        return {"SLURM_CONF": str(self.file)}

    def _spawn(self, name, *command):
        # In their own session, without our descriptors; munged stays in the foreground as well.
        self.processes[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(self.directory / f"{name}.err").open("ab"), start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.environment()},
        )  # fmt: skip

    def start_munge(self):
        munge = self.directory / "munge"
        self._spawn("munge", "munged", "--foreground", "--force", f"--key-file={munge}/key", f"--socket={self.socket}",
                    f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed")  # fmt: skip
        eventually(self.socket.exists)

    def start_controller(self, first=None):
        """Starts it. A controller that was killed has forgotten its last jobs, and would use their numbers again. A node refuses
        a number that it had a moment ago, and is drained. Only one test is about that."""
        self.number_from(first or 1 + 1000 * self.controllers)
        self.controllers += 1
        self._spawn("controller", "slurmctld", "-D", "-f", str(self.file))

    def until_forgotten(self):
        """Returns a function. When it is called, the controller forgets what it was told since now. A kill alone may come
        after it has written that down."""
        state, kept = self.directory / "state", self.directory / "state-kept"
        self.end("controller")
        shutil.copytree(state, kept)
        self.start_controller()
        self.ready()

        def forget(first):
            """`first`: the number that it gives next."""
            self.end("controller", kill=True)
            shutil.rmtree(state)
            kept.rename(state)
            self.start_controller(first)
            self.ready()

        return forget

    def number_from(self, first):
        """The next controller counts its jobs from here on, or from where it was if that is more."""
        lines = [line for line in self.file.read_text().splitlines() if not line.startswith("FirstJobId=")]
        self.file.write_text("\n".join([*lines, f"FirstJobId={first}", ""]))

    def start_node(self, name, before="true"):
        """`before`: what is done first, such as a mount that this node alone sees."""
        program = shutil.which("slurmd", path="/usr/sbin:/usr/bin")
        self._spawn(name, "unshare", "-m", "sh", "-c", f'{before}; exec {program} "$@"', "slurmd", "-D", "-N", name, "-f",
                    str(self.file))  # fmt: skip

    def start(self):
        self.start_munge()
        self.start_controller()
        for name in NODES:
            self.start_node(name)
        return self.ready()

    def ready(self):
        """All nodes are there and free. A controller that begins anew does not know them at first."""
        said = lambda: self.command("sinfo", "-h", "-o", "%T", "-N", "-p", "p", check=False).split()  # noqa: E731
        eventually(lambda: said() == ["idle"] * len(NODES), seconds=60)
        return self

    def restart_node(self, name, before="true"):
        """A node that registers anew is known at once."""
        self.end(name)
        self.start_node(name, before)

    @contextlib.contextmanager
    def only_on(self, name):
        """Until the end of the block no job begins on another node."""
        others = ",".join(node for node in NODES if node != name)
        self.command("scontrol", "update", f"nodename={others}", "state=drain", "reason=test")
        try:
            yield
        finally:
            self.command("scontrol", "update", f"nodename={others}", "state=resume")

    @contextlib.contextmanager
    def configured(self, line):
        """Until the end of the block this line is in its file, too."""
        before = self.file.read_text()
        try:
            self.file.write_text(f"{before}{line}\n")
            self.command("scontrol", "reconfigure")
            yield
        finally:
            self.file.write_text(before)
            self.command("scontrol", "reconfigure")

    def end(self, name, kill=False):
        process = self.processes.pop(name)
        process.kill() if kill else process.terminate()
        process.wait(10)

    def stop(self):
        if "controller" in self.processes:
            self.command("scancel", "--full", "-u", "root", check=False)
        for name in (*NODES, "controller", "munge"):
            if name in self.processes:
                self.end(name, kill=True)

    def command(self, *arguments, check=True):
        done = subprocess.run(
            arguments, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.environment()}, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def queue(self):
        """name: (state, nodes) of the jobs that are not over."""
        lines = self.command("squeue", "-h", "-a", "-O", "Name:|,State:|,NodeList:|").splitlines()
        return {name: (state, nodes) for name, state, nodes, _ in (line.split("|") for line in lines)}

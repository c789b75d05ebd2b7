//! Hosts on a network of the test's own, each with its own systemd, files, users and address. They are
//! namespaces of this machine on top of its files; nothing on the machine itself changes. Owns their
//! start and their end; what is done on them is the test's.
//!
//! Needs root, systemd, iproute2, overlayfs and version 2 of control groups.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::{self, Ended};

/// How long a host may take to boot, and to be gone.
const WITHIN: Duration = Duration::from_mins(1);

/// A network of hosts that reach each other and nobody else.
#[derive(Debug)]
pub struct Network {
    /// The namespace with the bridge that joins them; ends with its standard input.
    bridge: Child,
    names: &'static [(&'static str, u8)],
}

impl Network {
    /// A network in which `names` stand for the hosts with these numbers.
    #[must_use]
    pub fn new(names: &'static [(&'static str, u8)]) -> Self {
        let script = "ip link add bridge type bridge && ip link set bridge up && echo up && exec cat";
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut bridge = command.stderr(Stdio::piped()).spawn().unwrap();
        first_line(&mut bridge);
        Self { bridge, names }
    }

    /// The address of the host with this number.
    fn address(number: u8) -> String {
        format!("10.77.0.{number}")
    }

    /// Boots the host with this number.
    #[must_use]
    pub fn boot(&self, name: &str, number: u8) -> Host {
        let mut hosts = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for (name, number) in self.names {
            writeln!(hosts, "{} {name}", Self::address(*number)).unwrap();
        }
        let host = Host::boot(name, &hosts);
        let (init, bridge) = (host.init.to_string(), self.bridge.id().to_string());
        let port = format!("port{number}");
        let eth0 = ["link", "add", "eth0", "netns", &init, "type", "veth", "peer", &port, "netns", &bridge];
        let _ = binary::run(Command::new("ip").args(eth0)).well();
        let mut plug = Command::new("nsenter");
        plug.args(["--net", "--target", &bridge, "ip", "link", "set", &port, "master", "bridge", "up"]);
        let _ = binary::run(&mut plug).well();
        let address = Self::address(number);
        let up = format!("ip link set lo up; ip address add {address}/24 dev eth0; ip link set eth0 up");
        let _ = host.run(&up, "").well();
        host
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.bridge.stdin.take());
        let _ = self.bridge.wait();
    }
}

/// A host.
#[derive(Debug)]
pub struct Host {
    name: String,
    /// Ends with its standard input, and the host with it.
    keeper: Child,
    init: u32,
    group: String,
    _folder: TempDir,
}

impl Host {
    fn boot(name: &str, hosts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let group = format!("bailiwick-e2e-{}-{name}", std::process::id());
        let script = binary::repository().join("tests/src/network/boot.sh");
        // Whatever happens to the test, its end of the pipe closes.
        let keep = r#"unshare --mount --net --pid --ipc --uts --fork --kill-child --propagation private \
            bash "$@" </dev/null & cat >/dev/null; kill -KILL $!; wait"#;
        let mut command = Command::new("bash");
        command.args(["-c", keep, "keep"]).arg(script).args([name, &group]).arg(folder.path()).arg(hosts);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = command.spawn().unwrap();
        let init = first_line(&mut keeper).parse().unwrap();
        let host = Self { name: name.to_owned(), keeper, init, group, _folder: folder };
        let deadline = Instant::now() + WITHIN;
        loop {
            let state = host.run("systemctl is-system-running --wait", "");
            if state.stdout.trim() == "running" {
                return host;
            }
            let failed = || host.run("systemctl --failed --no-pager; journalctl --no-pager -n 30", "").text();
            assert!(state.stdout.trim() != "degraded", "{name} did not boot: {}", failed());
            assert!(Instant::now() < deadline, "{name} did not boot: {}", state.text());
        }
    }

    /// The command that runs a script in the folder `/srv/setup` of this host, as root.
    #[must_use]
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--all", "--root", "--wd"]);
        command.args(["bash", "-euo", "pipefail", "-c", &format!("cd /srv/setup\n{script}")]);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", "/root").stdin(Stdio::null());
        command
    }

    /// Runs a script that stops at its first failure; what it asks for is answered with `input`.
    #[must_use]
    pub fn run(&self, script: &str, input: &str) -> Ended {
        let answers = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(answers.path(), format!("{input}\n")).unwrap();
        binary::run(self.command(script).stdin(answers.reopen().unwrap()))
    }

    /// Runs a script that ends well, and gives what it wrote to its standard output.
    #[must_use]
    pub fn well(&self, script: &str) -> String {
        let ended = self.run(script, "");
        assert_eq!(ended.code, 0, "on {}: {script}\n{ended:#?}\n{}", self.name, self.log());
        ended.stdout
    }

    /// Runs a script that fails, and gives all that it said.
    #[must_use]
    pub fn failure(&self, script: &str) -> String {
        let ended = self.run(script, "");
        assert_ne!(ended.code, 0, "on {}: {script}\n{ended:#?}", self.name);
        ended.text()
    }

    /// Puts a copy of a file of this machine into `/srv/setup`, for root alone.
    pub fn receive(&self, file: &Path) {
        let copy = self.seen(&Path::new("/srv/setup").join(file.file_name().unwrap()));
        std::fs::copy(file, &copy).unwrap();
        std::fs::set_permissions(copy, PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// Where a file of this host is seen from outside.
    #[must_use]
    pub fn seen(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init)).join(path.strip_prefix("/").unwrap())
    }

    /// The end of the log of its services.
    #[must_use]
    pub fn log(&self) -> String {
        self.run("journalctl --no-pager -n 40 -o cat", "").stdout
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        // Its processes are killed; their control groups stay until somebody removes them.
        let script = r#"mount -t cgroup2 cgroup2 /mnt && find "/mnt/$1" -depth -type d -exec rmdir {} +"#;
        let deadline = Instant::now() + WITHIN;
        loop {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", script, "sh", &self.group]);
            let removed = command.stderr(Stdio::null()).status();
            if removed.is_ok_and(|status| status.success()) || Instant::now() > deadline {
                return;
            }
        }
    }
}

/// The first line that a process writes; if it writes none, what it says instead.
fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.is_empty() {
        let mut cause = String::new();
        // Not to its end: others may hold it open.
        BufReader::new(process.stderr.take().unwrap().take(1000)).read_line(&mut cause).unwrap();
        panic!(
            "this test runs hosts of its own in namespaces, and this machine refuses: {}; run it as root on Linux \
             with systemd, iproute2, overlayfs and cgroup2",
            cause.trim()
        );
    }
    line.trim().to_owned()
}

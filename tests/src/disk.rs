//! A disk that is full for one process alone: no file of it may grow beyond a limit. Owns the limit; the
//! files are the process's.

use std::process::{Command, Stdio};

/// The command of `program`, made to live on where a write fails: without this, a write beyond the limit
/// ends a process by a signal, which no full disk does.
#[must_use]
pub fn outlives_failed_writes(program: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#]).arg(program.get_program()).args(program.get_args());
    shell.env_clear().stdin(Stdio::null());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// From now on no file of that process grows beyond so many bytes.
pub fn limit_files_of(pid: u32, bytes: u64) {
    set_limit(pid, &bytes.to_string());
}

/// From now on there is room again.
pub fn unlimit_files_of(pid: u32) {
    set_limit(pid, "unlimited");
}

fn set_limit(pid: u32, soft: &str) {
    let mut command = Command::new("prlimit");
    let limited = command.args(["--pid", &pid.to_string(), &format!("--fsize={soft}:unlimited")]).status();
    assert!(limited.unwrap().success());
}

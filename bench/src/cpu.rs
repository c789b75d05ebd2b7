//! The CPU time of processes and threads in nanoseconds, as the scheduler counts it. (The usual place,
//! `/proc/PID/stat`, counts in hundredths of a second.) Reads `/proc` and owns nothing.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// What each thread of a process has used so far.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes(HashMap<OsString, Duration>);

impl CpuTimes {
    /// Those of the threads that a process has now.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        let mut times = HashMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?;
            match read(&thread.path().join("schedstat")) {
                Ok(time) => times.insert(thread.file_name(), time),
                // It ended since the list was made.
                Err(error) if is_gone(&error) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(Self(times))
    }

    /// What all of them have used since `before`. Of a thread that ended meanwhile nothing is counted:
    /// the servers under load keep theirs.
    pub fn since(&self, before: &Self) -> Duration {
        let used = |(thread, time): (&OsString, &Duration)| {
            time.saturating_sub(before.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(used).sum()
    }
}

/// What the calling thread has used so far.
pub fn of_this_thread() -> io::Result<Duration> {
    // Giving way makes the kernel settle the account of the slice so far.
    std::thread::yield_now();
    read(Path::new("/proc/thread-self/schedstat"))
}

/// The first number of schedstat: nanoseconds on a processor.
fn read(path: &Path) -> io::Result<Duration> {
    let text = fs::read_to_string(path)?;
    let nanoseconds = text.split(' ').next().unwrap_or_default().parse();
    nanoseconds.map(Duration::from_nanos).map_err(io::Error::other)
}

/// The file of a thread that has ended is not there, or cannot be read any more (ESRCH).
fn is_gone(error: &io::Error) -> bool {
    const NO_SUCH_PROCESS: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(NO_SUCH_PROCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_for_the_thread_and_for_the_process() {
        // The process first: what passes between the two is then counted for it too.
        let process = CpuTimes::of_process(std::process::id()).unwrap();
        let thread = of_this_thread().unwrap();
        let mut number = 1_u64;
        while of_this_thread().unwrap() < thread + Duration::from_millis(5) {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        let used = CpuTimes::of_process(std::process::id()).unwrap().since(&process);
        assert!(used >= Duration::from_millis(5), "{used:?}");
    }
}

//! Lines on their way out. Owns that each is written once, in its order, and when: at once, or together with those
//! that come meanwhile, where whoever tells of something waits until its line is out before it goes on. Knows no
//! form.
//!
//! A line that is written alone costs the caller of a tool more than the decision that it tells of, and most of that
//! is the way into the operating system and back. What is gathered takes that way once for several. There is no
//! thread for it, and no time that somebody waits for more: whoever waits lets the requests go first that are ready
//! to run on its thread, and the first to come back writes for all.

use std::io::{self, Stdout, Write};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::task;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// How often whoever waits lets others go first. Then it writes by itself, and waits for a slow reader of the log
/// with its whole thread, as a line does that is written at once.
const TURNS: usize = 4;

/// More bytes than that are not gathered: who brings them over it writes them.
const MOST_GATHERED: usize = 64 * 1024;

/// The lines of one process. Cheap to clone; all clones are the same.
#[derive(Debug)]
pub struct Lines<W = Stdout>(Arc<Inner<W>>);

impl<W> Clone for Lines<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Inner<W> {
    /// The records whose lines are gathered: those of this target.
    target: Option<&'static str>,
    /// What has not gone out yet.
    gathered: Mutex<Vec<u8>>,
    /// How many lines have come, those that went out included. Written by whoever holds what is gathered.
    come: AtomicU64,
    out: Mutex<Out<W>>,
    /// How many lines have gone out.
    written: AtomicU64,
}

/// Where lines go.
#[derive(Debug)]
struct Out<W> {
    writer: W,
    /// What is being written; empty between writes, and kept for its memory.
    bytes: Vec<u8>,
}

impl<W> Lines<W> {
    /// Lines that go to `writer`; those of the records of `target` are gathered, and whoever tells of them waits for
    /// [`Self::written`].
    pub(super) fn new(writer: W, target: Option<&'static str>) -> Self {
        let out = Mutex::new(Out { writer, bytes: Vec::new() });
        let (come, written) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner { target, gathered: Mutex::default(), come, out, written }))
    }
}

impl<W: Write> Lines<W> {
    /// Ends once every line that has come so far is out. Where it is dropped before, they are out with that. What
    /// cannot be written is told on standard error, and lost.
    pub fn written(&self) -> impl Future<Output = ()> + use<W> {
        let waiting = Waiting { inner: Arc::clone(&self.0), count: self.0.come.load(Ordering::Acquire) };
        async move {
            if waiting.inner.has_written(waiting.count) {
                return;
            }
            for _ in 0..TURNS {
                task::yield_now().await;
                // What came after its own line is left to those who wait for that.
                if waiting.inner.has_written(waiting.count) || waiting.inner.write_unless_busy() {
                    break;
                }
            }
        }
    }
}

impl<W: Write> Inner<W> {
    fn has_written(&self, count: u64) -> bool {
        self.written.load(Ordering::Acquire) >= count
    }

    /// Writes what has come, unless somebody is at it.
    fn write_unless_busy(&self) -> bool {
        match self.out.try_lock() {
            Ok(out) => tell(self.write(out)),
            Err(TryLockError::Poisoned(out)) => tell(self.write(out.into_inner())),
            Err(TryLockError::WouldBlock) => return false,
        }
        true
    }

    /// Writes what has come.
    fn write(&self, mut out: MutexGuard<'_, Out<W>>) -> io::Result<()> {
        let Out { writer, bytes } = &mut *out;
        let mut gathered = lock(&self.gathered);
        mem::swap(&mut *gathered, bytes);
        let count = self.come.load(Ordering::Acquire);
        drop(gathered);
        let written = writer.write_all(bytes).and_then(|()| writer.flush());
        bytes.clear();
        self.written.store(count, Ordering::Release);
        written
    }
}

/// One that waits until its lines are out.
struct Waiting<W: Write> {
    inner: Arc<Inner<W>>,
    count: u64,
}

impl<W: Write> Drop for Waiting<W> {
    fn drop(&mut self) {
        if !self.inner.has_written(self.count) {
            tell(self.inner.write(lock(&self.inner.out)));
        }
    }
}

/// Nobody is left to hear of a log that cannot be written but whoever reads standard error.
fn tell(written: io::Result<()>) {
    if let Err(error) = written {
        let _ = writeln!(io::stderr(), "error: lines of the log are lost: {error}");
    }
}

/// Nothing is left half done under these locks but a write, which the next one follows.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the line of one record.
pub struct Line<'a, W> {
    inner: &'a Inner<W>,
    is_gathered: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut gathered = lock(&self.inner.gathered);
        gathered.extend_from_slice(bytes);
        self.inner.come.fetch_add(1, Ordering::Release);
        let is_enough = gathered.len() > MOST_GATHERED;
        drop(gathered);
        if !self.is_gathered || is_enough {
            self.inner.write(lock(&self.inner.out))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { inner: &self.0, is_gathered: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        Line { inner: &self.0, is_gathered: self.0.target == Some(metadata.target()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::pin::pin;

    use futures::future::{FutureExt as _, join_all};
    use proptest::prelude::*;
    use tokio::runtime::Builder;

    use super::*;

    /// Notes every write, and fails where it is told to.
    #[derive(Clone, Default)]
    struct Noted(Arc<Mutex<(Vec<String>, bool)>>);

    impl Noted {
        fn writes(&self) -> Vec<String> {
            lock(&self.0).0.clone()
        }

        fn text(&self) -> String {
            self.writes().concat()
        }
    }

    impl Write for Noted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut noted = lock(&self.0);
            if noted.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            noted.0.push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines<Noted>, Noted) {
        let noted = Noted::default();
        (Lines::new(noted.clone(), None), noted)
    }

    fn add(lines: &Lines<Noted>, line: &str, is_gathered: bool) {
        Line { inner: &lines.0, is_gathered }.write_all(line.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn a_gathered_line_is_out_once_it_was_waited_for_and_others_at_once() {
        let (lines, noted) = lines();
        add(&lines, "gathered\n", true);
        assert_eq!(noted.text(), "");
        lines.written().await;
        assert_eq!(noted.text(), "gathered\n");
        add(&lines, "alone\n", false);
        assert_eq!(noted.text(), "gathered\nalone\n");
        lines.written().await;
        assert_eq!(noted.writes().len(), 2, "nothing is written twice");
    }

    #[tokio::test]
    async fn those_who_wait_together_are_written_in_one_stroke() {
        let (lines, noted) = lines();
        let callers = (0..16).map(|number| {
            let lines = &lines;
            async move {
                add(lines, &format!("{number}\n"), true);
                lines.written().await;
            }
        });
        join_all(callers).await;
        let together: Vec<_> = (0..16).map(|number| format!("{number}\n")).collect();
        assert_eq!(noted.writes(), [together.concat()]);
    }

    #[tokio::test]
    async fn whose_line_is_out_leaves_what_came_since_to_those_who_wait_for_it() {
        let (lines, noted) = lines();
        add(&lines, "first\n", true);
        let mut first = pin!(lines.written());
        add(&lines, "second\n", true);
        let mut second = pin!(lines.written());
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        assert!(first.now_or_never().is_some());
        add(&lines, "third\n", true);
        assert!(second.now_or_never().is_some());
        assert_eq!(noted.writes(), ["first\nsecond\n"]);
    }

    #[tokio::test]
    async fn whoever_goes_away_while_it_waits_leaves_its_line_written() {
        let (lines, noted) = lines();
        add(&lines, "never polled\n", true);
        drop(lines.written());
        assert_eq!(noted.text(), "never polled\n");
        add(&lines, "cut off\n", true);
        assert!(lines.written().now_or_never().is_none());
        assert_eq!(noted.text(), "never polled\ncut off\n");
    }

    #[tokio::test]
    async fn more_than_may_be_gathered_is_written_without_anybody_who_waits() {
        let (lines, noted) = lines();
        let line = format!("{}\n", "x".repeat(MOST_GATHERED / 2));
        add(&lines, &line, true);
        assert_eq!(noted.text(), "");
        add(&lines, &line, true);
        assert_eq!(noted.text().len(), line.len() * 2);
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_holds_nobody_up_and_is_written_again_when_it_can() {
        let (lines, noted) = lines();
        lock(&noted.0).1 = true;
        add(&lines, "lost\n", true);
        lines.written().await;
        assert!(Line { inner: &lines.0, is_gathered: false }.write_all(b"lost too\n").is_err());
        lock(&noted.0).1 = false;
        add(&lines, "there\n", true);
        lines.written().await;
        assert_eq!(noted.text(), "there\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn on_many_threads_each_line_is_written_once_whole_and_before_its_caller_goes_on(
            kinds in proptest::collection::vec(any::<bool>(), 1..200),
        ) {
            let (lines, noted) = lines();
            let runtime = Builder::new_multi_thread().worker_threads(4).build().unwrap();
            let count = kinds.len();
            let caller = |(number, is_gathered): (usize, bool)| {
                let (lines, noted) = (lines.clone(), noted.clone());
                async move {
                    let line = format!("line {number}\n");
                    add(&lines, &line, is_gathered);
                    lines.written().await;
                    assert!(noted.text().contains(&line), "{line:?} is not out");
                }
            };
            let all = async { join_all(kinds.into_iter().enumerate().map(|one| tokio::spawn(caller(one)))).await };
            runtime.block_on(all).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
            let mut seen = HashMap::new();
            noted.text().lines().for_each(|line| *seen.entry(line.to_owned()).or_insert(0) += 1);
            prop_assert_eq!(seen.len(), count);
            prop_assert!(seen.values().all(|times| *times == 1));
        }
    }
}

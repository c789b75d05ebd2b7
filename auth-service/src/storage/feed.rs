//! Positions of the revocation feed: which were handed out, by which leaps, and what this process
//! knows of the latest. Owns how two histories of one database, of which one was restored from a
//! backup, are told apart; the events are [`super::revocations`]'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bailiwick_core::{Revocation, SubjectKind, UnixSeconds};
use tokio::sync::watch;

use super::{Change, Storage, StorageError, position, seconds};
use crate::crypto::entropy::{Entropy, random};
use crate::revocations::RETENTION;

const END_SEGMENT: &str = "\
    UPDATE feed_segments SET last_position = (SELECT feed_position FROM state WHERE id = 1), ended_at = $1 \
    WHERE last_position IS NULL";
const LEAP: &str = "\
    UPDATE state SET feed_position = CASE WHEN feed_position < $1 THEN $1 ELSE feed_position END + $2 \
    WHERE id = 1 RETURNING feed_position";
const BEGIN_SEGMENT: &str = "INSERT INTO feed_segments (first_position) VALUES ($1)";
const STANDING: &str = "\
    SELECT s.feed_position, \
           (SELECT count(*) FROM feed_segments f \
            WHERE f.first_position <= $1 AND $1 <= COALESCE(f.last_position, s.feed_position)) \
    FROM state s WHERE s.id = 1";
const FORGET_SEGMENTS: &str = "DELETE FROM feed_segments WHERE ended_at < $1";

/// The positions that a second of the clock is worth: more than anybody hands out in one.
const POSITIONS_PER_SECOND: i64 = 1 << 20;
/// The last second that a leap goes by, in the year 2106: so that positions stay below 2^53, up to
/// where whole numbers are exact in every JSON reader, however wrong a clock is.
const LAST_SECOND: i64 = (1 << 32) - 1;
/// The shortest leap; the longest is less than twice as long. It is worth less time than a process
/// takes to start, so that leaps by themselves do not outrun the clock.
const SHORTEST_LEAP: i64 = 1 << 12;

/// What this process knows of the feed.
#[derive(Debug)]
pub(super) struct FeedKnowledge {
    /// The latest position that was heard of; never falls.
    latest: watch::Sender<u64>,
    /// How far this process leaps, and whether it has.
    leap: i64,
    leapt: AtomicBool,
    appended: [AtomicU64; SubjectKind::ALL.len()],
}

/// What a change adds to the feed, to be told when it is committed.
pub(super) struct FeedChange {
    knowledge: Arc<FeedKnowledge>,
    leaps: bool,
    position: Option<u64>,
    events: Vec<Revocation>,
}

/// How a position stands to the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The feed's position now.
    pub latest: u64,
    /// Whether the position in question was ever handed out here.
    pub known: bool,
}

impl FeedKnowledge {
    /// Nothing but the distance of the leap.
    pub(super) fn new(entropy: &dyn Entropy) -> Result<Self, StorageError> {
        let further = u16::from_be_bytes(random(entropy).map_err(|_| StorageError::NoEntropy)?);
        Ok(Self {
            latest: watch::Sender::new(0),
            leap: SHORTEST_LEAP + i64::from(further) % SHORTEST_LEAP,
            leapt: AtomicBool::new(false),
            appended: Default::default(),
        })
    }

    fn hears(&self, position: u64) {
        self.latest.send_if_modified(|latest| {
            let is_news = position > *latest;
            *latest = position.max(*latest);
            is_news
        });
    }
}

impl FeedChange {
    pub(super) fn new(knowledge: &Arc<FeedKnowledge>) -> Self {
        Self { knowledge: Arc::clone(knowledge), leaps: false, position: None, events: Vec::new() }
    }

    /// Notes an event that is appended.
    pub(super) fn appends(&mut self, event: Revocation) {
        self.position = Some(event.seq);
        self.events.push(event);
    }

    /// Tells what is true from now on: to the log, to the metrics and to whoever waits.
    pub(super) fn committed(self) {
        if self.leaps {
            self.knowledge.leapt.store(true, Ordering::Relaxed);
        }
        for event in &self.events {
            let Revocation { seq, subject, reason, .. } = event;
            self.knowledge.appended[subject.kind as usize].fetch_add(1, Ordering::Relaxed);
            tracing::info!(kind = %subject.kind, id = subject.id, seq, reason, "revocation appended");
        }
        if let Some(position) = self.position {
            self.knowledge.hears(position);
        }
    }
}

impl Change<'_> {
    /// Leaps, where this process has not yet: to where the clock stands, and a random distance
    /// further. So a process on a restored database begins beyond all that was handed out in the
    /// future that was lost, which ended before it started.
    pub(super) async fn leap_once(&mut self, now: UnixSeconds) -> Result<(), StorageError> {
        if self.1.leaps || self.1.knowledge.leapt.load(Ordering::Relaxed) {
            return Ok(());
        }
        sqlx::query(END_SEGMENT).bind(seconds(now)).execute(&mut *self.0).await?;
        let clock = seconds(now).clamp(0, LAST_SECOND) * POSITIONS_PER_SECOND;
        let query = sqlx::query_as(LEAP).bind(clock).bind(self.1.knowledge.leap);
        let (first,): (i64,) = query.fetch_one(&mut *self.0).await?;
        sqlx::query(BEGIN_SEGMENT).bind(first).execute(&mut *self.0).await?;
        self.1.leaps = true;
        self.1.position = Some(position(first)?);
        Ok(())
    }

    /// Forgets segments that ended longer ago than any event is kept: a reader that stayed away for
    /// so long takes a snapshot.
    pub(super) async fn forget_segments(&mut self, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(FORGET_SEGMENTS).bind(seconds(now - RETENTION)).execute(&mut *self.0).await?;
        Ok(())
    }
}

impl Storage {
    /// Leaps now, where this process has not yet.
    pub async fn leap(&self, now: UnixSeconds) -> Result<(), StorageError> {
        let mut change = self.change().await?;
        change.leap_once(now).await?;
        change.commit().await
    }

    /// How `position` stands to the feed. 0 is known always: everything lies behind it.
    pub async fn standing(&self, asked: u64) -> Result<Standing, StorageError> {
        // A position beyond the largest integer of the database is in no segment.
        let bound = i64::try_from(asked).unwrap_or(i64::MAX);
        let (latest, segments): (i64, i64) = sqlx::query_as(STANDING).bind(bound).fetch_one(&self.readers).await?;
        Ok(Standing { latest: position(latest)?, known: asked == 0 || segments > 0 })
    }

    /// Reads the feed's position, so that whoever waits for it hears of commits in other processes.
    pub async fn hear_position(&self) -> Result<(), StorageError> {
        self.feed.hears(self.state().await?.feed_position);
        Ok(())
    }

    /// The latest position that this process heard of: its own commits at once, those of others by
    /// [`Storage::hear_position`].
    pub fn heard_position(&self) -> watch::Receiver<u64> {
        self.feed.latest.subscribe()
    }

    /// How many revocations of each kind this process has appended.
    pub fn appended_revocations(&self) -> impl Iterator<Item = (SubjectKind, u64)> {
        SubjectKind::ALL.into_iter().map(|kind| (kind, self.feed.appended[kind as usize].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bailiwick_core::Subject;

    use super::*;
    use crate::crypto::entropy::{NoEntropy, SystemEntropy};

    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    async fn open(path: &Path) -> Storage {
        open_with(path, &SystemEntropy).await.unwrap()
    }

    async fn open_with(path: &Path, entropy: &dyn Entropy) -> Result<Storage, StorageError> {
        Storage::open_with(&format!("sqlite://{}", path.display()), entropy).await
    }

    async fn revoke(storage: &Storage, id: &str) -> u64 {
        let mut change = storage.change().await.unwrap();
        let seq = change.revoke(&Subject::new(SubjectKind::Client, id), "test", NOW).await.unwrap();
        change.commit().await.unwrap();
        seq
    }

    fn clock(now: UnixSeconds) -> u64 {
        u64::try_from(now.0 * POSITIONS_PER_SECOND).unwrap()
    }

    async fn is_known(storage: &Storage, position: u64) -> bool {
        storage.standing(position).await.unwrap().known
    }

    #[tokio::test]
    async fn a_process_leaps_once_between_its_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let mut latest = clock(NOW);
        for (bytes, distance) in [(0x00, SHORTEST_LEAP), (0xff, 2 * SHORTEST_LEAP - 1)] {
            let filled = move |random: &mut [u8]| -> Result<(), NoEntropy> {
                random.fill(bytes);
                Ok(())
            };
            let storage = open_with(&path, &filled).await.unwrap();
            let first = revoke(&storage, "first").await;
            assert_eq!(i64::try_from(first - latest).unwrap(), distance + 1);
            assert_eq!(revoke(&storage, "second").await, first + 1);
            latest = first + 1;
        }
        let nothing = |_: &mut [u8]| Err(NoEntropy);
        assert!(matches!(open_with(&path, &nothing).await, Err(StorageError::NoEntropy)));
    }

    #[tokio::test]
    async fn a_change_that_is_dropped_leaps_and_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(&folder.path().join("auth.db")).await;
        let mut change = storage.change().await.unwrap();
        change.revoke(&Subject::new(SubjectKind::Client, "agent"), "test", NOW).await.unwrap();
        drop(change);
        assert_eq!(storage.state().await.unwrap().feed_position, 0);
        assert_eq!(*storage.heard_position().borrow(), 0);
        assert!(storage.appended_revocations().all(|(_, count)| count == 0));
        let seq = revoke(&storage, "agent").await;
        assert!(seq > clock(NOW), "the leap was taken for done");
        assert_eq!(*storage.heard_position().borrow(), seq);
        assert!(storage.appended_revocations().any(|counted| counted == (SubjectKind::Client, 1)));
    }

    #[tokio::test]
    async fn exactly_the_positions_that_were_handed_out_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let first = open(&path).await;
        assert!(is_known(&first, 0).await && !is_known(&first, 1).await);
        let one = revoke(&first, "one").await;
        let two = revoke(&first, "two").await;
        let second = open(&path).await;
        second.leap(NOW).await.unwrap();
        let leapt = second.state().await.unwrap().feed_position;
        let three = revoke(&second, "three").await;
        for known in [0, one - 1, one, two, leapt, three] {
            assert!(is_known(&first, known).await, "{known}");
        }
        for unknown in [1, one - 2, two + 1, leapt - 1, three + 1, 1 << 53, u64::MAX] {
            assert!(!is_known(&first, unknown).await, "{unknown}");
        }
    }

    #[tokio::test]
    async fn segments_that_ended_before_every_kept_event_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let storage = open(&path).await;
        let old = revoke(&storage, "old").await;
        open(&path).await.leap(NOW).await.unwrap();
        storage.forget_revocations(NOW + RETENTION).await.unwrap();
        assert!(is_known(&storage, old).await);
        storage.forget_revocations(UnixSeconds(NOW.0 + 1) + RETENTION).await.unwrap();
        assert!(!is_known(&storage, old).await);
        let latest = storage.state().await.unwrap().feed_position;
        assert!(is_known(&storage, latest).await && is_known(&storage, 0).await);
    }

    #[tokio::test]
    async fn no_clock_makes_positions_fall_or_outgrow_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let mut latest = 0;
        for now in [NOW.0, NOW.0 - 3600, 0, -1, i64::MIN, i64::MAX, NOW.0] {
            let storage = open(&path).await;
            storage.leap(UnixSeconds(now)).await.unwrap();
            let position = storage.state().await.unwrap().feed_position;
            assert!(position > latest && position < 1 << 53, "{position} behind {latest} at {now}");
            latest = position;
        }
    }

    /// A database with a backup of it, and what was revoked before the backup was taken.
    async fn backed_up(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf, u64) {
        let (path, backup) = (folder.join("auth.db"), folder.join("backup.db"));
        let before = open(&path).await;
        let kept = revoke(&before, "kept").await;
        before.close().await;
        std::fs::copy(&path, &backup).unwrap();
        (path, backup, kept)
    }

    #[tokio::test]
    async fn a_restored_database_begins_beyond_the_future_that_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup, kept) = backed_up(folder.path()).await;
        // In the future that is lost the service is started a hundred times in as many seconds.
        let mut lost = Vec::new();
        for second in 1..=100 {
            let process = open(&path).await;
            process.leap(UnixSeconds(NOW.0 + second)).await.unwrap();
            lost.extend([revoke(&process, "lost").await, revoke(&process, "lost too").await]);
        }
        let restored = open(&backup).await;
        restored.leap(UnixSeconds(NOW.0 + 101)).await.unwrap();
        let first = restored.state().await.unwrap().feed_position;
        for position in lost {
            assert!(position < first, "an event of the lost future would refuse new tokens");
            assert!(!is_known(&restored, position).await, "{position} is taken for one of ours");
        }
        assert!(is_known(&restored, kept).await);
    }

    #[tokio::test]
    async fn a_future_without_any_start_is_lost_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup, kept) = backed_up(folder.path()).await;
        // The very process that made the backup goes on.
        let still = open(&path).await;
        still.feed.leapt.store(true, Ordering::Relaxed);
        let lost = revoke(&still, "lost").await;
        assert_eq!(lost, kept + 1);
        let restored = open(&backup).await;
        let seq = revoke(&restored, "after the restore").await;
        assert!(seq > lost && !is_known(&restored, lost).await);
    }
}

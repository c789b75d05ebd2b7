//! The row that tells whether anything read before is still true. Owns the one reading that is made
//! before each token: on SQLite it happens in the thread of whoever asks, because going to a pool's
//! thread and back costs ten times the reading itself. Everything else goes through the pools.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Change, Storage, StorageError, position};

const STATE: &str = "SELECT feed_position, policy_version, client_version FROM state WHERE id = 1";

/// The most connections for this reading; beyond, threads wait some microseconds for each other.
const CONNECTIONS: usize = 4;

/// The row that tells whether anything read before is still true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The position of the latest revocation.
    pub feed_position: u64,
    /// The version of roles, resources and keys.
    pub policy_version: i64,
    /// The version of clients and what belongs to them.
    pub client_version: i64,
}

impl Storage {
    /// Reads the state row, as the latest commit of any process left it.
    pub async fn state(&self) -> Result<State, StorageError> {
        let row = match self.state_reader.read()? {
            Some(row) => row,
            None => sqlx::query_as(STATE).fetch_one(&self.readers).await?,
        };
        State::try_from(row)
    }
}

impl Change<'_> {
    /// The state as this change sees it: what is issued in it rests on nothing later.
    pub async fn state(&mut self) -> Result<State, StorageError> {
        let row: Row = sqlx::query_as(STATE).fetch_one(&mut *self.0).await?;
        State::try_from(row)
    }
}

impl TryFrom<Row> for State {
    type Error = StorageError;

    fn try_from((feed_position, policy_version, client_version): Row) -> Result<Self, StorageError> {
        Ok(Self { feed_position: position(feed_position)?, policy_version, client_version })
    }
}

/// The columns of [`STATE`].
type Row = (i64, i64, i64);

/// Connections that read the state row and nothing else, opened as they are needed. In the
/// write-ahead log a reader waits for no writer.
#[derive(Clone)]
pub(super) struct StateReader(Arc<Inner>);

struct Inner {
    path: PathBuf,
    connections: [Mutex<Option<Connection>>; CONNECTIONS],
}

impl StateReader {
    /// Reads the database at `path`, which exists; nothing is opened yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner { path, connections: Default::default() }))
    }

    /// Reads the row. `None` where the database is locked as a whole, as it is while another
    /// process recovers it: that is waited for, and not in this thread.
    fn read(&self) -> Result<Option<Row>, rusqlite::Error> {
        let mut place = self.0.free_place();
        let connection = place.take().map_or_else(|| self.0.open(), Ok)?;
        match query(&connection) {
            Ok(row) => {
                *place = Some(connection);
                Ok(Some(row))
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Closes what is open, so that whoever closes the database last can fold its log.
    pub(super) fn close(&self) {
        for place in &self.0.connections {
            place.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl Inner {
    fn open(&self) -> Result<Connection, rusqlite::Error> {
        // A connection is used under its lock alone and needs none of SQLite's own.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        Ok(connection)
    }

    fn free_place(&self) -> MutexGuard<'_, Option<Connection>> {
        let [first, ..] = &self.connections;
        let free = self.connections.iter().find_map(|place| place.try_lock().ok());
        free.unwrap_or_else(|| first.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn query(connection: &Connection) -> Result<Row, rusqlite::Error> {
    let mut statement = connection.prepare_cached(STATE)?;
    statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    async fn world() -> (tempfile::TempDir, PathBuf, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let storage = Storage::open(&format!("sqlite://{}", path.display())).await.unwrap();
        (folder, path, storage)
    }

    #[tokio::test]
    async fn a_reading_waits_for_no_writer_and_sees_what_is_committed() {
        let (_folder, _, storage) = world().await;
        let before = storage.state().await.unwrap();
        let mut change = storage.change().await.unwrap();
        change.policy_changes().await.unwrap();
        assert_eq!(storage.state_reader.read().unwrap().unwrap().1, before.policy_version);
        change.commit().await.unwrap();
        let after = storage.state().await.unwrap();
        assert_eq!(after, State { policy_version: before.policy_version + 1, ..before });
    }

    #[tokio::test]
    async fn more_threads_than_connections_all_read() {
        let (_folder, _, storage) = world().await;
        let reader = &storage.state_reader;
        thread::scope(|scope| {
            for _ in 0..3 * CONNECTIONS {
                scope.spawn(|| (0..100).for_each(|_| assert!(reader.read().unwrap().is_some())));
            }
        });
    }

    #[tokio::test]
    async fn a_database_that_another_process_holds_as_a_whole_is_not_waited_for_in_this_thread() {
        let (_folder, path, storage) = world().await;
        storage.close().await;
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "locking_mode", "exclusive").unwrap();
        other.execute_batch("UPDATE state SET policy_version = 7").unwrap();
        let reader = StateReader::new(path);
        assert_eq!(reader.read().unwrap(), None);
        drop(other);
        assert_eq!(reader.read().unwrap().unwrap().1, 7);
    }

    #[tokio::test]
    async fn closing_folds_the_log_into_the_file_although_the_state_was_read() {
        let (_folder, path, storage) = world().await;
        let log = path.with_extension("db-wal");
        storage.state().await.unwrap();
        assert!(log.exists());
        storage.close().await;
        assert!(!log.exists());
    }
}

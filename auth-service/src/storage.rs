//! Storage on SQLite: the SQL, one file per entity, spoken to in domain words. Owns connections,
//! transactions and migrations; decides nothing.
//!
//! Every statement is written to run on PostgreSQL as it stands (both take `$1`, `RETURNING`,
//! `ON CONFLICT`, `string_agg`); the next engine is a second pair of pools here and a folder of
//! migrations beside `migrations/auth/sqlite`. The state row alone is read without a pool on SQLite.

mod authorization_codes;
mod browsers;
mod clients;
mod consents;
mod feed;
mod grants;
mod keys;
mod policy;
mod refresh_tokens;
mod resources;
mod revocations;
mod roles;
mod secrets;
mod sessions;
mod state;
mod users;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::UnixSeconds;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use crate::crypto::entropy::{Entropy, SystemEntropy};
pub use clients::ClientSnapshot;
use feed::{FeedChange, FeedKnowledge};
pub use policy::PolicyRows;
pub use state::State;
use state::StateReader;
pub use users::{Inserted, UserWithPassword};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/auth/sqlite");

/// Connections that read; SQLite has one writer at a time, and so have we.
const READERS: u32 = 4;
/// How long a statement waits for another process's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What goes wrong below the domain.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The URL names no database that is supported.
    #[error("the database URL must be sqlite://PATH: {0}")]
    Url(String),
    /// The folder or file cannot be made.
    #[error("cannot create the database {path}: {cause}")]
    Create {
        /// The path.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The schema cannot be brought up to date.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] MigrateError),
    /// The database refused or cannot be reached.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The feed's positions cannot leap.
    #[error("the operating system gives no random bytes")]
    NoEntropy,
    /// The state row cannot be read.
    #[error("database: {0}")]
    State(#[from] rusqlite::Error),
    /// A row holds what this program never wrote.
    #[error("the database holds an unreadable {0}")]
    Unreadable(&'static str),
}

/// The database.
#[derive(Clone)]
pub struct Storage {
    readers: SqlitePool,
    writer: SqlitePool,
    feed: Arc<FeedKnowledge>,
    state_reader: StateReader,
}

/// When to try again where the database is busy.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl StorageError {
    /// When to try again, where nothing is wrong but that the database is busy: another process holds the write
    /// lock, or every connection is taken. The one place that tells it from a failure.
    pub fn retry_after(&self) -> Option<Duration> {
        use rusqlite::ErrorCode;
        let busy = match self {
            Self::Database(sqlx::Error::PoolTimedOut) => true,
            Self::Database(error) => is_busy(error),
            Self::State(rusqlite::Error::SqliteFailure(failure, _)) => {
                matches!(failure.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            }
            _ => false,
        };
        busy.then_some(RETRY_AFTER)
    }
}

const POLICY_CHANGES: &str = "UPDATE state SET policy_version = policy_version + 1 WHERE id = 1";
const CLIENTS_CHANGE: &str = "UPDATE state SET client_version = client_version + 1 WHERE id = 1";

/// A write transaction. It holds the write lock from its beginning: what it reads stays true until
/// it commits. Dropped without [`Change::commit`], it leaves no trace.
pub struct Change<'a>(Transaction<'a, Sqlite>, FeedChange);

impl Storage {
    /// Opens the database at `sqlite://PATH`, makes file (mode 0600) and folder where they are
    /// missing, and applies pending migrations.
    pub async fn open(url: &str) -> Result<Self, StorageError> {
        Self::open_with(url, &SystemEntropy).await
    }

    /// As [`Storage::open`], with randomness from elsewhere.
    async fn open_with(url: &str, entropy: &dyn Entropy) -> Result<Self, StorageError> {
        let feed = Arc::new(FeedKnowledge::new(entropy)?);
        let path = database_path(url)?;
        create_privately(&path).map_err(|cause| StorageError::Create { path: path.clone(), cause })?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged survives a power failure, revocations above all.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            // What is deleted is overwritten: sealed private keys above all.
            .pragma("secure_delete", "ON")
            .foreign_keys(true);
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let writer = pool()
            .max_connections(1)
            // Where a write fails, as on a full disk, SQLite ends the transaction by itself. sqlx does
            // not notice and would begin none on this connection ever again, so it is replaced.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
        let writer = connect(&writer, &options).await?;
        migrate(&writer).await?;
        let readers = pool().max_connections(READERS).connect_lazy_with(options.read_only(true));
        Ok(Self { readers, writer, feed, state_reader: StateReader::new(path) })
    }

    /// Begins a change.
    pub async fn change(&self) -> Result<Change<'static>, StorageError> {
        Ok(Change(self.writer.begin_with("BEGIN IMMEDIATE").await?, FeedChange::new(&self.feed)))
    }

    /// Closes all connections; the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.state_reader.close();
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl Change<'_> {
    /// Makes everything that was done in this change true at once.
    pub async fn commit(self) -> Result<(), StorageError> {
        let Self(transaction, feed) = self;
        transaction.commit().await?;
        feed.committed();
        Ok(())
    }

    /// Notes that roles, resources or keys are changing, so that every process reads them anew.
    async fn policy_changes(&mut self) -> Result<(), StorageError> {
        sqlx::query(POLICY_CHANGES).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Notes that clients or what belongs to them are changing, to the same end.
    async fn clients_change(&mut self) -> Result<(), StorageError> {
        sqlx::query(CLIENTS_CHANGE).execute(&mut *self.0).await?;
        Ok(())
    }
}

/// Connects. Of processes that start at once on a new database one turns it to the write-ahead log;
/// the others are refused meanwhile, and at once, whatever the timeout: they look again.
async fn connect(pool: &SqlitePoolOptions, options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    /// How long to wait before each further look, and how often.
    const AGAIN: (Duration, u32) = (Duration::from_millis(20), 250);
    for _ in 0..AGAIN.1 {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_busy(&error) => tokio::time::sleep(AGAIN.0).await,
            outcome => return outcome,
        }
    }
    pool.clone().connect_with(options.clone()).await
}

/// Whether somebody else has what a statement needs, in whichever of the ways that SQLite tells apart.
fn is_busy(error: &sqlx::Error) -> bool {
    /// SQLITE_BUSY and SQLITE_LOCKED: the low byte of a code, whose others say more.
    const BUSY: [u32; 2] = [5, 6];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| BUSY.contains(&(code & 0xff)))
}

/// Applies pending migrations. They are not synced one by one: after a power failure each is there
/// whole or not at all, and the first commit that anybody is told of syncs what came before it.
async fn migrate(writer: &SqlitePool) -> Result<(), MigrateError> {
    sqlx::query("PRAGMA synchronous = NORMAL").execute(writer).await?;
    let outcome = run_migrations(writer).await;
    sqlx::query("PRAGMA synchronous = FULL").execute(writer).await?;
    outcome
}

/// Of two processes that start at once both may find a migration undone; the database lets one do
/// it, and the other, whose attempt then fails, looks again.
async fn run_migrations(writer: &SqlitePool) -> Result<(), MigrateError> {
    let mut outcome = MIGRATIONS.run(writer).await;
    for _ in MIGRATIONS.iter() {
        if !matches!(outcome, Err(MigrateError::ExecuteMigration(..))) {
            break;
        }
        outcome = MIGRATIONS.run(writer).await;
    }
    outcome
}

/// The file behind `sqlite://PATH`; what the master key is kept beside.
pub fn database_path(url: &str) -> Result<PathBuf, StorageError> {
    let path = url.strip_prefix("sqlite://").filter(|path| !path.is_empty() && !path.starts_with(':'));
    let path = path.ok_or_else(|| StorageError::Url(url.split("://").next().unwrap_or_default().to_owned()))?;
    PathBuf::from_str(path).map_err(|_| StorageError::Url(path.to_owned()))
}

/// The database holds hashes and sealed keys: only its owner reads it. SQLite gives its journal
/// files the mode of the database file.
fn create_privately(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

fn position(stored: i64) -> Result<u64, StorageError> {
    u64::try_from(stored).map_err(|_| StorageError::Unreadable("feed position"))
}

/// Reads a stored text back into the type that it was written from.
fn parsed<T: FromStr>(text: &str, what: &'static str) -> Result<T, StorageError> {
    text.parse().map_err(|_| StorageError::Unreadable(what))
}

/// Reads names that `string_agg` joined with spaces; none of our names has a space in it.
fn split<T: FromStr, C: FromIterator<T>>(joined: Option<&str>, what: &'static str) -> Result<C, StorageError> {
    joined.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).map(|word| parsed(word, what)).collect()
}

fn seconds(time: UnixSeconds) -> i64 {
    time.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn processes_that_start_at_once_on_a_new_database_all_get_it() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", folder.path().join("new/auth.db").display());
            let openings = (0..4).map(|_| {
                tokio::spawn({
                    let url = url.clone();
                    async move { Storage::open(&url).await.map(drop) }
                })
            });
            for opening in openings.collect::<Vec<_>>() {
                opening.await.unwrap().unwrap();
            }
        }
    }

    #[test]
    fn only_a_path_makes_a_database() {
        assert!(database_path("sqlite://data/auth.sqlite").is_ok());
        for wrong in ["", "sqlite://", "sqlite://:memory:", "sqlite:data", "postgres://user:password@host/db"] {
            let error = database_path(wrong).unwrap_err().to_string();
            assert!(!error.contains("password"), "{error}");
        }
    }
}

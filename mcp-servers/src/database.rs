//! The SQLite file of a server: opening it, its migrations, one writer and a few readers. Owns how
//! the file is used; what stands in it is the domain's.

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

/// Connections that only read.
const READERS: u32 = 4;

/// How long a statement waits for a lock that another process holds.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// How long a call waits for a connection: many that write at once stand in line for the only
/// writer, but not longer than their callers wait for them.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(15);

/// Where a database is: `sqlite://PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl(PathBuf);

/// A text that names no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a database URL is sqlite://PATH, such as sqlite://data/hr.sqlite, and has no options")]
pub struct InvalidDatabaseUrl;

impl DatabaseUrl {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.strip_prefix("sqlite://").ok_or(InvalidDatabaseUrl)?;
        // A database in memory would be another one for each connection.
        let is_file =
            !path.is_empty() && !path.ends_with('/') && !path.contains(['?', '#', '\0']) && path != ":memory:";
        if is_file { Ok(Self(path.into())) } else { Err(InvalidDatabaseUrl) }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sqlite://{}", self.0.display())
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be made.
    #[error("{0} cannot be created: {1}")]
    File(PathBuf, #[source] io::Error),
    /// It cannot be opened.
    #[error("{0} cannot be opened: {1}")]
    Open(PathBuf, #[source] sqlx::Error),
    /// It cannot be brought to the tables that this program knows.
    #[error("{0} cannot be migrated: {1}")]
    Migration(PathBuf, #[source] MigrateError),
}

/// An open database. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens the file, which is made where it is not there yet, readable by its owner alone, and
    /// carries out the migrations that it has not seen.
    ///
    /// # Errors
    /// Names the file.
    pub async fn open(url: &DatabaseUrl, migrations: &Migrator) -> Result<Self, DatabaseError> {
        let path = url.path();
        create(path).map_err(|error| DatabaseError::File(path.to_owned(), error))?;
        let open = |error| DatabaseError::Open(path.to_owned(), error);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // What was confirmed to a caller survives a loss of power too.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(LOCK_PATIENCE)
            .foreign_keys(true)
            .optimize_on_close(true, None);
        let pool =
            |connections| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(CONNECTION_PATIENCE);
        // Where a write fails, as on a full disk, SQLite ends the transaction by itself. sqlx does not notice
        // and would begin none on this connection ever again, so it is replaced.
        let writer = pool(1).before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
        let writer = writer.connect_with(options.clone()).await.map_err(open)?;
        migrations.run(&writer).await.map_err(|error| DatabaseError::Migration(path.to_owned(), error))?;
        let only_reading = options.optimize_on_close(false, None).read_only(true);
        let readers = pool(READERS).connect_with(only_reading).await.map_err(open)?;
        Ok(Self { writer, readers })
    }

    /// Begins a transaction that may write. It holds the only writer from its first moment, so that
    /// what it reads stays true until it ends.
    ///
    /// # Errors
    /// Where the writer is not free in time.
    pub async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// Where none is free in time.
    pub async fn read(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.readers.acquire().await
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&self.readers).await.is_ok()
    }

    /// Closes all connections once they are free.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes the file and its folder. SQLite gives its journal the same permissions.
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_names_a_file() {
        for (right, path) in
            [("sqlite://data/hr.sqlite", "data/hr.sqlite"), ("sqlite:///var/hr.sqlite", "/var/hr.sqlite")]
        {
            assert_eq!(right.parse::<DatabaseUrl>().map(|url| url.path().to_owned()), Ok(path.into()));
        }
        for wrong in
            ["", "sqlite:", "sqlite://", "data/hr.sqlite", "sqlite://:memory:", "sqlite://x?mode=ro", "sqlite://data/"]
        {
            assert_eq!(wrong.parse::<DatabaseUrl>(), Err(InvalidDatabaseUrl), "{wrong:?}");
        }
    }
}

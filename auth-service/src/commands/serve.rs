//! `auth-service serve`: builds the service out of its settings and runs it until it is told to
//! stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use bailiwick_process::{Secret, listener, metrics as metrics_listener, shutdown};
use governor::clock::DefaultClock;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::{CommandError, custody, system_clock};
use crate::administration::Administration;
use crate::authentication::Authenticator;
use crate::crypto::entropy::SystemEntropy;
use crate::crypto::pool::HashPool;
use crate::crypto::verified::VerifiedSecrets;
use crate::current::CurrentCache;
use crate::custody::KeyInMaking;
use crate::limits::failures::FailureLimits;
use crate::metrics::{Metrics, register_hash_pool};
use crate::server;
use crate::service::Service;
use crate::settings::Settings;
use crate::storage::{Storage, database_path};

/// How often what waits to be written is written, and what has expired is forgotten.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT.
pub async fn run(settings: Settings, master_key: Option<Secret>) -> Result<(), CommandError> {
    settings.check()?;
    let stop = shutdown::requested().map_err(CommandError::other)?;
    let listener = server::bind(settings.listen).map_err(CommandError::Other)?;
    let mut registry = Registry::default();
    let service = web::Data::new(build(&settings, master_key, &mut registry).await?);
    let (stopping, stopped) = watch::channel(false);
    if let Some(address) = settings.metrics_listen {
        let listener = listener::bind(address).await.map_err(CommandError::other)?;
        tokio::spawn(metrics_listener::serve(listener, Arc::new(registry), wait(stopped.clone())));
    }
    let housekeeping = tokio::spawn(keep_house(service.clone(), wait(stopped)));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let server = server::start(listener, service.clone(), workers).map_err(CommandError::other)?;
    tracing::info!(
        listen = %settings.listen, issuer = %settings.issuer, database = settings.database_url,
        algorithm = %settings.signing_algorithm, "listening"
    );
    let handle = server.handle();
    let running = tokio::spawn(server);
    stop.await;
    tracing::info!("stopping");
    handle.stop(true).await;
    let _ = stopping.send(true);
    running.await.map_err(CommandError::other)?.map_err(CommandError::other)?;
    housekeeping.await.map_err(CommandError::other)?;
    service.storage.close().await;
    Ok(())
}

async fn build(
    settings: &Settings,
    master_key: Option<Secret>,
    registry: &mut Registry,
) -> Result<Service, CommandError> {
    let clock = system_clock();
    let entropy = Arc::new(SystemEntropy);
    // What needs no database is begun before that is opened: the first randomness, and the key that a
    // new database will ask for.
    tokio::task::spawn_blocking(SystemEntropy::seed);
    let is_new = !database_path(&settings.database_url)?.exists();
    let begun = is_new.then(|| KeyInMaking::begin(settings.signing_algorithm));
    let storage = Storage::open(&settings.database_url).await?;
    let custody = Arc::new(custody(settings, &storage, master_key).await?);
    custody.ensure(&storage, settings.signing_algorithm, begun, clock.now()).await?;
    let issuer = settings.issuer.clone();
    let current = CurrentCache::load(storage.clone(), issuer.clone(), Arc::clone(&custody)).await?;
    let pool = Arc::new(HashPool::start(settings.hash_threads()).map_err(CommandError::other)?);
    register_hash_pool(registry, Arc::clone(&pool));
    let verified = VerifiedSecrets::new(entropy.as_ref()).map_err(CommandError::other)?;
    Ok(Service {
        administration: Administration::new(storage.clone(), issuer.clone(), entropy.clone(), Arc::clone(&clock)),
        authenticator: Authenticator::new(storage.clone(), pool, verified, FailureLimits::new(DefaultClock::default())),
        trusted_proxies: settings.trusted_proxies.clone(),
        algorithm: settings.signing_algorithm,
        metrics: Metrics::registered(registry),
        issuer,
        storage,
        current,
        custody,
        clock,
        entropy,
    })
}

/// Writes and forgets in small transactions, and once more at the end.
async fn keep_house(service: web::Data<Service>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        let stopping = tokio::select! {
            _ = ticks.tick() => false,
            () = &mut stop => true,
        };
        if let Err(error) = tidy(&service).await {
            tracing::warn!(reason = "housekeeping", %error, "housekeeping failed; it is tried again");
        }
        if stopping {
            return;
        }
    }
}

async fn tidy(service: &Service) -> Result<(), crate::storage::StorageError> {
    service.authenticator.write_uses().await?;
    let mut change = service.storage.change().await?;
    change.forget_revocations(service.clock.now()).await?;
    change.commit().await
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error says that the sender is gone: then it is time to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

//! `auth-service serve`: builds the service out of its settings and runs it until it is told to
//! stop.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::web;
use bailiwick_core::Clock;
use bailiwick_limits::{DefaultClock, FailureLimits};
use bailiwick_process::tls::Tls;
use bailiwick_process::{Secret, listener, metrics as metrics_listener, shutdown};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::{CommandError, custody, system_clock};
use crate::administration::Administration;
use crate::authentication::Authenticator;
use crate::crypto::entropy::SystemEntropy;
use crate::crypto::pool::HashPool;
use crate::crypto::verified::VerifiedSecrets;
use crate::current::{CurrentCache, Source};
use crate::custody::{CustodyError, KeyInMaking};
use crate::delegation::Ceiling;
use crate::feed::Feed;
use crate::limits::sign_ins::SignInLimits;
use crate::metrics::{Metrics, register_feed, register_hash_pool};
use crate::reaping;
use crate::server;
use crate::service::Service;
use crate::settings::{InvalidSettings, Settings};
use crate::sign_in::SignIn;
use crate::storage::{Storage, database_path};

/// How often what waits to be written is written, and what has expired is forgotten.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT.
pub async fn run(settings: Settings, master_key: Option<Secret>) -> Result<(), CommandError> {
    settings.check()?;
    let tls = settings.tls(SystemTime::now()).map_err(InvalidSettings::from)?;
    let stop = shutdown::requested().map_err(CommandError::other)?;
    let listener = server::bind(settings.listen).map_err(CommandError::Other)?;
    let mut registry = Registry::default();
    let service = web::Data::new(build(&settings, master_key, system_clock(), &mut registry).await?);
    let (stopping, stopped) = watch::channel(false);
    let tls = tls.map(|Tls { config, renewal }| {
        renewal.register(&mut registry);
        tokio::spawn(renewal.run(SystemTime::now));
        config
    });
    if let Some(address) = settings.metrics_listen {
        let listener = listener::bind(address).await.map_err(CommandError::other)?;
        tokio::spawn(metrics_listener::serve(listener, Arc::new(registry), wait(stopped.clone())));
    }
    let housekeeping = tokio::spawn(keep_house(service.clone(), wait(stopped)));
    let feed = Arc::clone(&service.feed);
    let listening = tokio::spawn(async move { feed.listen().await });
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let speaks_tls = tls.is_some();
    let server = server::start(listener, tls, service.clone(), workers).map_err(CommandError::other)?;
    tracing::info!(
        listen = %settings.listen, tls = speaks_tls, issuer = %settings.issuer, database = settings.database_url,
        algorithm = %settings.signing_algorithm, "listening"
    );
    let handle = server.handle();
    let running = tokio::spawn(server);
    stop.await;
    tracing::info!("stopping");
    service.feed.close();
    server::stop(&handle).await;
    let _ = stopping.send(true);
    running.await.map_err(CommandError::other)?.map_err(CommandError::other)?;
    housekeeping.await.map_err(CommandError::other)?;
    listening.await.map_err(CommandError::other)?;
    service.storage.close().await;
    Ok(())
}

async fn build(
    settings: &Settings,
    master_key: Option<Secret>,
    clock: Arc<dyn Clock>,
    registry: &mut Registry,
) -> Result<Service, CommandError> {
    let entropy = Arc::new(SystemEntropy);
    // What needs no database is begun before that is opened: the first randomness, and the key that a
    // new database will ask for.
    tokio::task::spawn_blocking(SystemEntropy::seed);
    let is_new = !database_path(&settings.database_url)?.exists();
    let begun = is_new.then(|| KeyInMaking::begin(settings.signing_algorithm));
    let storage = Storage::open(&settings.database_url).await?;
    storage.leap(clock.now()).await?;
    let custody = Arc::new(custody(settings, &storage, master_key).await?);
    custody.ensure(&storage, settings.signing_algorithm, begun, clock.as_ref()).await?;
    let issuer = settings.issuer.clone();
    let current = CurrentCache::load(Source {
        storage: storage.clone(),
        issuer: issuer.clone(),
        custody: Arc::clone(&custody),
        algorithm: settings.signing_algorithm,
        clock: Arc::clone(&clock),
    })
    .await?;
    let pool = Arc::new(HashPool::start(settings.hash_threads()).map_err(CommandError::other)?);
    register_hash_pool(registry, Arc::clone(&pool));
    let feed = Arc::new(Feed::new(storage.clone()));
    register_feed(registry, Arc::clone(&feed));
    let verified = VerifiedSecrets::new(entropy.as_ref()).map_err(CommandError::other)?;
    Ok(Service {
        administration: Administration::new(storage.clone(), issuer.clone(), entropy.clone(), Arc::clone(&clock)),
        sign_in: SignIn::new(
            storage.clone(),
            Arc::clone(&pool),
            SignInLimits::new(DefaultClock::default()),
            entropy.clone(),
        ),
        ceiling: Ceiling::new(settings.unregistered_client_scope.clone()),
        authenticator: Authenticator::new(storage.clone(), pool, verified, FailureLimits::new(DefaultClock::default())),
        trusted_proxies: settings.trusted_proxies.clone(),
        algorithm: settings.signing_algorithm,
        key_rotation: settings.key_rotation(),
        feed,
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

async fn tidy(service: &Service) -> Result<(), CustodyError> {
    service.authenticator.write_uses().await?;
    service.storage.forget_revocations(service.clock.now()).await?;
    let reaped = reaping::reap(&service.storage, service.clock.now()).await?;
    tracing::debug!(reaped, "what has ended is gone");
    service.storage.hear_position().await?;
    let Service { custody, storage, algorithm, key_rotation, clock, .. } = service;
    custody.keep_timetable(storage, *algorithm, *key_rotation, clock.as_ref()).await
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error says that the sender is gone: then it is time to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use bailiwick_core::UnixSeconds;
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;
    use crate::keys::JWKS_AGE;

    #[actix_web::test]
    async fn housekeeping_makes_the_next_key_and_deletes_the_one_whose_last_token_is_gone() {
        const HOUR: i64 = 3600;
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("auth.db").display());
        let words = ["auth-service", "serve", "--database-url", &database, "--key-rotation-days", "30"];
        let settings = CommandLine::try_parse_from(words).unwrap().settings;
        let now = Arc::new(AtomicI64::new(1_800_000_000));
        let clock = Arc::new({
            let now = Arc::clone(&now);
            move || UnixSeconds(now.load(Ordering::SeqCst))
        });
        let service = build(&settings, None, clock, &mut Registry::default()).await.unwrap();
        let look = async || {
            tidy(&service).await.unwrap();
            let current = service.current.now().await.unwrap();
            let signer = current.keys.signer(service.algorithm, service.clock.now()).unwrap().key_id().clone();
            (current.keys.published().count(), signer)
        };
        let pass = |seconds: i64| now.fetch_add(seconds, Ordering::SeqCst);
        let (_, first) = look().await;
        pass(30 * 24 * HOUR - 1);
        assert_eq!(look().await, (1, first.clone()));
        pass(1);
        assert_eq!(look().await, (2, first));
        pass(i64::try_from(JWKS_AGE.as_secs()).unwrap());
        let (published, second) = look().await;
        pass(3 * HOUR + 29);
        assert_eq!((published, look().await), (2, (2, second.clone())));
        pass(1);
        assert_eq!(look().await, (1, second));
    }
}

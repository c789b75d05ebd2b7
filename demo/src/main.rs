//! The demo: starts the token service and the four guarded servers with fresh data, lets six agents try
//! every tool, tells the story of one denied call and of a token that is taken back, and climbs the ladder.
//! Owns the order, and that whatever it has started ends with it.

mod binaries;
mod cast;
mod folder;
mod ladder;
mod matrix;
mod people;
mod questions;
mod random;
mod screen;
mod services;
mod setup;
mod story;
mod tls;
mod wire;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use http::uri::Scheme;

use crate::binaries::{Binaries, BinaryError};
use crate::cast::{AGENTS, Cast, READER};
use crate::folder::{Folder, FolderError};
use crate::matrix::Verdict;
use crate::questions::{Found, QuestionError};
use crate::screen::{RED, Screen};
use crate::services::{ServiceError, Services};
use crate::setup::Published;
use crate::story::Story;
use crate::tls::Tls;
use crate::wire::WireError;

/// Shows Bailiwick at work, on fresh data below .demo/, until Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "scripts/demo")]
struct Arguments {
    /// Show it and stop
    #[arg(long)]
    once: bool,
    /// Use the ports N to N+3 and N+100
    #[arg(long, value_name = "N", default_value = "8000", value_parser = clap::value_parser!(u16).range(1..=cast::HIGHEST_PORT_BASE))]
    port_base: u16,
    /// Speak TLS everywhere, with a certificate and an authority made for this run alone
    #[arg(long)]
    tls: bool,
}

/// What all parts of the demo use.
struct Demo {
    screen: Screen,
    cast: Cast,
    folder: Folder,
    binaries: Binaries,
    http: reqwest::Client,
    /// None where all is plain HTTP.
    tls: Option<Tls>,
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("port {} is taken; stop what listens there, or choose others with --port-base N", .0.join(", port "))]
    PortTaken(Vec<String>),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Binary(#[from] BinaryError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Question(#[from] QuestionError),
    #[error("a new client has no secret")]
    NoSecret,
    #[error("the system gives no random bytes for a secret")]
    NoRandomness,
    #[error("mcp-agent should have ended with {expected}: {said}")]
    OtherEnd { said: String, expected: i32 },
    #[error("a token that was taken back was still let through {} s later", story::FELT_WITHIN.as_secs())]
    NotFelt,
    #[error(transparent)]
    System(#[from] io::Error),
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the TLS certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("stopped before it was all shown")]
    Stopped,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(DemoError::from).and_then(|runtime| runtime.block_on(run(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A terminal that is gone cannot be told that it is gone.
            let _ = writeln!(anstream::stderr(), "{RED}demo: {error}{RED:#}");
            ExitCode::FAILURE
        }
    }
}

/// Shows everything, waits where it should, and ends what it has started, however it goes.
async fn run(arguments: &Arguments) -> Result<(), DemoError> {
    let stop = bailiwick_process::shutdown::requested()?;
    let scheme = if arguments.tls { Scheme::HTTPS } else { Scheme::HTTP };
    let cast = Cast::on(arguments.port_base, &scheme);
    are_free(&cast)?;
    let folder = Folder::fresh()?;
    let tls = if arguments.tls { Some(Tls::make(&folder, SystemTime::now())?) } else { None };
    let demo = Demo {
        screen: Screen::of_terminal(),
        cast,
        folder,
        binaries: Binaries::beside_this_one(tls.as_ref().map(|tls| tls.authority.as_path()))?,
        http: wire::client(tls.as_ref().map(Tls::trusted))?,
        tls,
    };
    let mut services = Services::default();
    tokio::pin!(stop);
    let mut ended = tokio::select! {
        shown = show(&demo, &mut services) => shown,
        () = &mut stop => Err(DemoError::Stopped),
    };
    if ended.is_ok() && !arguments.once {
        stays_up(&demo);
        ended = tokio::select! {
            error = services.one_ended() => Err(error.into()),
            () = stop => Ok(()),
        };
    }
    services.stop().await;
    ended
}

fn are_free(cast: &Cast) -> Result<(), DemoError> {
    let is_taken = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err();
    let taken: Vec<_> = cast.ports().filter(is_taken).map(|port| port.to_string()).collect();
    if taken.is_empty() { Ok(()) } else { Err(DemoError::PortTaken(taken)) }
}

async fn show(demo: &Demo, services: &mut Services) -> Result<(), DemoError> {
    let screen = demo.screen;
    screen.heading("Bailiwick: which tools may each agent call?");
    let agents = AGENTS.len();
    screen.say(&format!(
        "{agents} agents try every tool; one is refused, gets what it lacks, and loses it. Then a token is stolen. At \
         last a client climbs from an API key to access tokens, with one secret."
    ));
    let first = setup::first_clients(demo)?;
    setup::start(demo, &first, services).await?;
    let (administrator, key_holder) = (&first.administrator, &first.ladder.client);
    let admin = setup::admin_api(demo, administrator).await?;
    screen.heading("The servers, registered through the admin API");
    let servers = setup::servers(demo, &admin).await?;
    screen.heading("The agents: each has a role, which becomes the scope of its tokens");
    let agents = setup::agents(screen, &admin).await?;
    let password = people::register(demo, &admin).await?;
    setup::env(demo, &Published { administrator, agents: &agents, key_holder, password: &password })?;
    let asking = setup::tokens(demo, &agents).await?;
    show_matrix(screen, &questions::ask_all(&demo.http, &servers, &asking).await?);
    let reader = agents.iter().find(|agent| agent.id == READER.id).ok_or(DemoError::NoSecret)?;
    let [hr, ..] = &demo.cast.servers;
    Story { demo, admin: &admin, reader, hr }.tell().await?;
    first.ladder.climb(demo).await
}

fn show_matrix(screen: Screen, Found { matrix, lists, calls }: &Found) {
    screen.heading("Who may call what: every cell was asked for twice, by list and by call");
    if let Some(numbers) = matrix.numbers(screen.width) {
        screen.say(&numbers);
    }
    screen::print(&format!("{}\n", matrix.drawn(screen.width)));
    for (verdict, explanation) in Verdict::EXPLAINED {
        screen.hanging(&format!("  {}  ", matrix.mark(verdict, screen.width)), explanation);
    }
    screen.say(&format!("{lists} lists and {calls} calls: for every agent and tool they agree."));
}

fn stays_up(demo: &Demo) {
    demo.screen.heading("Ready, and up until Ctrl-C");
    demo.screen.row("credentials", ".demo/env");
    demo.screen.row("logs", ".demo/logs/");
    demo.screen.row("API", &format!("{}/openapi.json", demo.cast.issuer));
    let with_sse = demo.cast.quickstart().origin();
    demo.screen.row("HTTP+SSE", &format!("{with_sse}/sse, for clients with an x-api-key: QUICKSTART_API_KEY"));
    people::show_how_to_go_on(demo);
}

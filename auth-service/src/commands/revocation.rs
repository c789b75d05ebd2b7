//! `auth-service revocation …`.

use bailiwick_core::{Revocation, SubjectKind};
use clap::Subcommand;

use super::output::{Format, moment, table};
use super::{CommandError, administration};
use crate::revocations::{NewRevocation, RevocationTarget};
use crate::settings::Settings;

/// What is done with revocations.
#[derive(Subcommand, Debug)]
pub enum RevocationCommand {
    /// End all tokens of a subject, at every guard within a second
    Add {
        /// What it is: token, grant, client, user, role, resource or key
        kind: SubjectKind,
        /// Its jti, grant_id, client_id, user_id, name, URI or kid
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// List the revocations that can still concern a token
    List {
        #[command(flatten)]
        format: Format,
    },
}

/// Does it.
pub async fn run(settings: &Settings, command: RevocationCommand) -> Result<(), CommandError> {
    match command {
        RevocationCommand::Add { kind, id, reason, format } => {
            let target = RevocationTarget::new(kind, &id).map_err(CommandError::other)?;
            let new = NewRevocation::new(target, reason).map_err(CommandError::other)?;
            let event = administration(settings).await?.revoke(new).await?;
            format.print(&event, |event| listed(std::slice::from_ref(event)))
        }
        RevocationCommand::List { format } => {
            let events = administration(settings).await?.revocations().await?;
            format.print(&events, |events| listed(events))
        }
    }
}

fn listed(events: &[Revocation]) -> String {
    let row = |event: &Revocation| {
        let Revocation { seq, at, subject, reason, .. } = event;
        [seq.to_string(), moment(*at), subject.kind.to_string(), subject.id.clone(), reason.clone()]
    };
    table(["SEQ", "AT", "KIND", "ID", "REASON"], events.iter().map(row))
}

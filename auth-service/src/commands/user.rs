//! `auth-service user …`. A password comes from a file, from standard input, or from a terminal that
//! does not show it; never from the command line, which other users of the host can read.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use bailiwick_core::RoleName;
use clap::{Args, Subcommand};

use super::output::{Format, joined, lines, moment, table};
use super::{CommandError, administration, input};
use crate::admin::users::UserView;
use crate::crypto::secret::Secret;
use crate::settings::Settings;
use crate::users::{NewPassword, NewUser, User, UserChanges, UserId, Username};

/// The users that are read at a time.
const PAGE: u32 = 1000;

/// What is done with users.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Make a user
    Create(CreateUser),
    /// List the users
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show a user
    Show {
        /// The user_id
        user_id: UserId,
        #[command(flatten)]
        format: Format,
    },
    /// Change a user: what is not given stays; tokens end where something is taken away
    Update(UpdateUser),
    /// Set a password; ends the user's sessions and what clients were allowed
    Password {
        /// The user_id
        user_id: UserId,
        /// Where the password stands; - for standard input [default: asked for on the terminal]
        #[arg(long, value_name = "PATH")]
        password_file: Option<PathBuf>,
        /// Leave in force what clients were allowed
        #[arg(long)]
        keep_grants: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Delete a user and end the tokens
    Delete {
        /// The user_id
        user_id: UserId,
        #[command(flatten)]
        format: Format,
    },
}

/// A user to be made.
#[derive(Args, Debug)]
pub struct CreateUser {
    /// What is typed to sign in
    #[arg(long)]
    username: Username,
    /// The user_id, beginning with usr_ [default: generated]
    #[arg(long, value_name = "USER_ID")]
    id: Option<UserId>,
    /// A name for people
    #[arg(long, default_value = "")]
    name: String,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// Where the password stands; - for standard input [default: asked for on the terminal]
    #[arg(long, value_name = "PATH", conflicts_with = "no_password")]
    password_file: Option<PathBuf>,
    /// Give no password yet: nobody can sign in
    #[arg(long)]
    no_password: bool,
    #[command(flatten)]
    format: Format,
}

/// Changes of a user.
#[derive(Args, Debug)]
pub struct UpdateUser {
    /// The user_id
    user_id: UserId,
    /// A new name to sign in with
    #[arg(long)]
    username: Option<Username>,
    /// A new name for people
    #[arg(long)]
    name: Option<String>,
    /// The roles from now on; may be repeated
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "no_roles")]
    roles: Vec<RoleName>,
    /// Take all roles away
    #[arg(long)]
    no_roles: bool,
    /// Shut the user out and end the tokens
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let the user in again
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    format: Format,
}

/// Does it.
pub async fn run(settings: &Settings, command: UserCommand) -> Result<(), CommandError> {
    let administration = administration(settings).await?;
    match command {
        UserCommand::Create(create) => {
            let format = create.format;
            show(administration.create_user(create.user()?).await?, format)
        }
        UserCommand::List { format } => {
            let mut users: Vec<User> = Vec::new();
            loop {
                let after = users.last().map(|user| user.user_id.to_string()).unwrap_or_default();
                let page = administration.users_after(&after, PAGE).await?;
                let is_last = page.len() < PAGE as usize;
                users.extend(page);
                if is_last {
                    break;
                }
            }
            list(users, format)
        }
        UserCommand::Show { user_id, format } => show(administration.user(&user_id).await?, format),
        UserCommand::Update(update) => {
            let (format, user_id) = (update.format, update.user_id.clone());
            show(administration.update_user(&user_id, update.changes()).await?, format)
        }
        UserCommand::Password { user_id, password_file, keep_grants, format } => {
            let password = Some(password(password_file.as_deref())?);
            let changes = UserChanges { password, keep_grants, ..UserChanges::default() };
            show(administration.update_user(&user_id, changes).await?, format)
        }
        UserCommand::Delete { user_id, format } => {
            administration.delete_user(&user_id).await?;
            format.done(&format!("user {user_id} deleted; the tokens have ended"))
        }
    }
}

impl CreateUser {
    fn user(self) -> Result<NewUser, CommandError> {
        let password = if self.no_password { None } else { Some(password(self.password_file.as_deref())?) };
        Ok(NewUser {
            user_id: self.id,
            username: self.username,
            name: self.name,
            roles: BTreeSet::from_iter(self.roles),
            disabled: false,
            password,
        })
    }
}

impl UpdateUser {
    fn changes(self) -> UserChanges {
        UserChanges {
            username: self.username,
            name: self.name,
            roles: (self.no_roles || !self.roles.is_empty()).then(|| BTreeSet::from_iter(self.roles)),
            disabled: (self.disable || self.enable).then_some(self.disable),
            ..UserChanges::default()
        }
    }
}

fn list(users: Vec<User>, format: Format) -> Result<(), CommandError> {
    if format.json {
        let views: Vec<UserView> = users.into_iter().map(UserView::from).collect();
        return format.print(&views, |_| String::new());
    }
    let row = |user: &User| {
        let state = if user.disabled { "disabled" } else { "enabled" };
        [user.user_id.to_string(), user.username.to_string(), state.to_owned(), joined(&user.roles), user.name.clone()]
    };
    format.done(table(["USER", "USERNAME", "STATE", "ROLES", "NAME"], users.iter().map(row)).trim_end())
}

fn show(user: User, format: Format) -> Result<(), CommandError> {
    format.print(&UserView::from(user), |view| {
        lines([
            ("user_id", view.user_id.to_string()),
            ("username", view.username.to_string()),
            ("name", view.name.clone()),
            ("state", if view.disabled { "disabled" } else { "enabled" }.to_owned()),
            ("roles", joined(&view.roles)),
            ("password set", view.password_changed_at.map_or("never".to_owned(), moment)),
            ("made", moment(view.created_at)),
        ])
    })
}

/// The password in the file, without the end of its line; without a file, what is typed.
fn password(file: Option<&Path>) -> Result<NewPassword, CommandError> {
    let text = match file {
        Some(path) => Secret::new(input::read(path, NewPassword::LONGEST as u64 + 2)?),
        None if std::io::stdin().is_terminal() => typed()?,
        None => {
            let sentence =
                "there is no terminal to type a password on; give --password-file PATH, or - for standard input";
            return Err(CommandError::Other(sentence.to_owned()));
        }
    };
    let line = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    let line = line.strip_suffix('\r').unwrap_or(line);
    NewPassword::new(Secret::new(line.to_owned())).map_err(CommandError::other)
}

fn typed() -> Result<Secret, CommandError> {
    let ask = |prompt: &str| -> Result<Secret, CommandError> {
        let mut terminal = std::io::stderr();
        write!(terminal, "{prompt}").map_err(CommandError::other)?;
        rpassword::read_password().map(Secret::new).map_err(CommandError::other)
    };
    let (first, second) = (ask("Password: ")?, ask("Once more: ")?);
    if first.expose() == second.expose() {
        Ok(first)
    } else {
        Err(CommandError::Other("the two passwords differ; nothing was changed".to_owned()))
    }
}

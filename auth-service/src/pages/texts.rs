//! What the pages say, in one place and one language, ready for the next. Owns the words alone; a
//! `{name}` in a sentence is filled in by [`fill`], and escaped with the rest by the template.

/// The words of one language.
pub struct Texts {
    /// The language, as HTML names it.
    pub language: &'static str,
    pub service: &'static str,
    pub try_again: &'static str,

    pub login_title: &'static str,
    pub login_for: &'static str,
    pub username: &'static str,
    pub password: &'static str,
    pub sign_in: &'static str,
    pub login_failed: &'static str,
    pub too_many: &'static str,
    pub busy: &'static str,

    pub consent_title: &'static str,
    pub consent_question: &'static str,
    pub consent_sentence: &'static str,
    pub loopback_heading: &'static str,
    pub loopback_warning: &'static str,
    pub reading_heading: &'static str,
    pub writing_heading: &'static str,
    pub reading_all: &'static str,
    pub writing_all: &'static str,
    pub offline_heading: &'static str,
    pub offline_label: &'static str,
    pub nothing_chosen: &'static str,
    pub allow: &'static str,
    pub deny: &'static str,
    pub client: &'static str,
    pub returns_to: &'static str,
    pub server: &'static str,
    pub signed_in_as: &'static str,

    pub account_title: &'static str,
    pub account_sentence: &'static str,
    pub agents_heading: &'static str,
    pub no_agents: &'static str,
    pub changes_tag: &'static str,
    pub since: &'static str,
    pub last_used: &'static str,
    pub never: &'static str,
    pub withdraw: &'static str,
    pub withdrawn: &'static str,
    pub security_heading: &'static str,
    pub one_session: &'static str,
    pub more_sessions: &'static str,
    pub end_sessions: &'static str,
    pub sessions_ended: &'static str,

    pub change_password: &'static str,
    pub current_password: &'static str,
    pub new_password: &'static str,
    pub password_again: &'static str,
    pub password_rule: &'static str,
    pub password_ends_sessions: &'static str,
    pub password_ends_grants: &'static str,
    pub passwords_differ: &'static str,
    pub current_password_wrong: &'static str,
    pub password_changed: &'static str,
    pub back_to_account: &'static str,

    pub sign_out: &'static str,
    pub sign_out_question: &'static str,
    pub sign_out_lead: &'static str,
    pub signed_out_title: &'static str,
    pub signed_out_lead: &'static str,
    pub sign_in_again: &'static str,

    pub request_wrong: &'static str,
    pub request_wrong_lead: &'static str,
    pub client_wrong: &'static str,
    pub redirect_uri_wrong: &'static str,
    pub form_too_old: &'static str,
    pub form_too_old_lead: &'static str,
    pub form_wrong: &'static str,
    pub form_wrong_lead: &'static str,
    pub failed: &'static str,
    pub failed_lead: &'static str,
}

/// English.
pub static ENGLISH: Texts = Texts {
    language: "en",
    service: "Bailiwick",
    try_again: "Try again",

    login_title: "Sign in",
    login_for: "{client} asks to act for you. Sign in to see what it wants.",
    username: "Username",
    password: "Password",
    sign_in: "Sign in",
    login_failed: "Username or password is wrong. Check both and try again.",
    too_many: "Too many attempts. Try again in {seconds} seconds.",
    busy: "The service is busy. Try again in a moment.",

    consent_title: "Allow access",
    consent_question: "Allow {client} to act for you?",
    consent_sentence: "At {resource} it could do what is ticked below, as {user}, until you withdraw it. Afterwards you go back to {host}.",
    loopback_heading: "Did you start this yourself?",
    loopback_warning: "The client runs on this computer, and anybody could give a program this name. Go on only if you have just started it.",
    reading_heading: "It may look",
    writing_heading: "It may change things",
    reading_all: "Use every tool that only looks",
    writing_all: "Use every tool that changes something",
    offline_heading: "While you are away",
    offline_label: "Keep this access without asking me again, until I withdraw it",
    nothing_chosen: "Nothing is ticked. Tick what you allow, or choose Deny.",
    allow: "Allow",
    deny: "Deny",
    client: "Client",
    returns_to: "Returns to",
    server: "Server",
    signed_in_as: "Signed in as",

    account_title: "My agents",
    account_sentence: "Signed in as {user}. Here you see what clients may do for you, and end it.",
    agents_heading: "Who acts for me",
    no_agents: "Nobody acts for you.",
    changes_tag: "changes things",
    since: "Since",
    last_used: "Last used",
    never: "never",
    withdraw: "Withdraw access",
    withdrawn: "{client} does not act for you any more.",
    security_heading: "Signing in",
    one_session: "You are signed in in this browser only.",
    more_sessions: "You are signed in in {count} browsers.",
    end_sessions: "Sign out everywhere else",
    sessions_ended: "You are signed out everywhere else.",

    change_password: "Change password",
    current_password: "Current password",
    new_password: "New password",
    password_again: "New password once more",
    password_rule: "At least 12 characters. A few random words are good.",
    password_ends_sessions: "Sign me out everywhere else",
    password_ends_grants: "Withdraw the access of all my agents",
    passwords_differ: "The two new passwords differ.",
    current_password_wrong: "The current password is wrong.",
    password_changed: "Your password is changed.",
    back_to_account: "Back to my agents",

    sign_out: "Sign out",
    sign_out_question: "Sign out?",
    sign_out_lead: "Your agents go on working; withdraw them on the page “My agents”.",
    signed_out_title: "Signed out",
    signed_out_lead: "You are signed out in this browser. Your agents go on working until you withdraw them.",
    sign_in_again: "Sign in again",

    request_wrong: "This request cannot be answered",
    request_wrong_lead: "The program that sent you here made a mistake, so you are not sent back to it. Tell its maker what stands below.",
    client_wrong: "No client of this client_id may send people here.",
    redirect_uri_wrong: "The redirect_uri is not one that the client registered.",
    form_too_old: "This form does not count any more",
    form_too_old_lead: "It was sent from elsewhere, or somebody signed in or out meanwhile. Nothing was done.",
    form_wrong: "This form cannot be read",
    form_wrong_lead: "Nothing was done. Go back and fill it in again.",
    failed: "Something failed",
    failed_lead: "Nothing was done. Try again; if it stays so, the service's log says why.",
};

/// The sentence with its `{name}`s filled in.
pub fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_a_name_is_not_filled_in_again() {
        let filled = fill("{client} at {host}.", &[("client", "{host}<b>"), ("host", "a.example")]);
        assert_eq!(filled, "{host}<b> at a.example.");
    }
}

//! What may be said of clients, and what a change of them ends.

use bailiwick_core::claims::RESERVED_CLAIMS;
use serde_json::json;

use super::*;

fn policy() -> Policy {
    Policy::new(&"https://id.example".parse().unwrap(), Vec::new(), Vec::new())
}

fn validated(metadata: Value) -> Result<Client, String> {
    let new: NewClient = serde_json::from_value(metadata).map_err(|error| error.to_string())?;
    new.validate("generated".parse().unwrap(), &policy(), UnixSeconds(7)).map_err(|error| error.0)
}

#[test]
fn a_client_needs_nothing_but_may_say_much() {
    let least = validated(json!({})).unwrap();
    assert_eq!((least.client_id.as_str(), least.resources), ("generated", None));
    let much = json!({
        "client_id": "agent", "client_name": "Agent", "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic", "roles": ["admin"],
        "resources": ["https://id.example/admin/v1"], "claims": {"job_role": "Manager"},
        "access_token_ttl": 3600, "disabled": true,
    });
    assert!(validated(much).is_ok());
}

#[test]
fn what_cannot_be_accepted_is_named() {
    for (metadata, named) in [
        (json!({"client_id": "usr_x"}), "client_id"),
        (json!({"grant_types": ["password"]}), "password"),
        (json!({"grant_types": []}), "grant_types"),
        (json!({"token_endpoint_auth_method": "none"}), "token_endpoint_auth_method"),
        (json!({"token_endpoint_auth_method": "private_key_jwt"}), "private_key_jwt"),
        (json!({"redirect_uris": ["http://app.example/cb"]}), "redirect URI"),
        (json!({"redirect_uris": ["https://app.example/cb"], "grant_types": ["client_credentials"]}), "redirect_uris"),
        (json!({"grant_types": ["authorization_code"]}), "redirect_uris"),
        (json!({"grant_types": ["refresh_token"]}), "refresh_token"),
        (
            json!({"redirect_uris": (0..21).map(|n| format!("https://app.example/{n}")).collect::<Vec<_>>()}),
            "at most 20",
        ),
        (json!({"roles": ["nobody"]}), "nobody"),
        (json!({"resources": ["https://other.example"]}), "https://other.example"),
        (json!({"resources": ["nonsense"]}), "resource"),
        (json!({"claims": {"scope": "admin:*"}}), "scope"),
        (json!({"claims": {"x": "y".repeat(3000)}}), "claims"),
        (json!({"access_token_ttl": 0}), "access_token_ttl"),
        (json!({"access_token_ttl": 3601}), "access_token_ttl"),
        (json!({"client_name": "a\u{0}b"}), "client_name"),
        (json!({"client_name": "x".repeat(201)}), "client_name"),
        (json!({"client_id": ".."}), "client_id"),
        (json!({"claims": {"team": null}}), "team"),
        (json!({"claims": {"team": [{"lead": null}]}}), "team"),
    ] {
        let error = validated(metadata.clone()).unwrap_err();
        assert!(error.contains(named), "{metadata}: {error}");
    }
}

#[test]
fn a_client_that_names_redirect_uris_acts_for_people() {
    let public = json!({"redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none"});
    let public = validated(public).unwrap();
    assert!(public.is_public() && public.may_use(GrantType::AuthorizationCode));
    assert!(public.may_use(GrantType::RefreshToken) && !public.may_use(GrantType::ClientCredentials));
    let both = json!({
        "redirect_uris": ["https://app.example/cb"], "grant_types": ["client_credentials", "authorization_code"],
    });
    assert!(!validated(both).unwrap().is_public());
}

#[test]
fn every_reserved_claim_is_refused() {
    for claim in RESERVED_CLAIMS {
        assert!(validated(json!({"claims": {claim: 1}})).is_err(), "{claim}");
    }
}

#[test]
fn null_takes_a_limit_away_and_absence_leaves_it() {
    let changes = |value| serde_json::from_value::<ClientChanges>(value).unwrap();
    let limited = validated(json!({"resources": [], "access_token_ttl": 60})).unwrap();
    let same = changes(json!({})).apply(&limited, &policy(), UnixSeconds(8)).unwrap();
    assert_eq!((same.resources.is_some(), same.access_token_ttl.is_some()), (true, true));
    let freed = changes(json!({"resources": null, "access_token_ttl": null}));
    let freed = freed.apply(&limited, &policy(), UnixSeconds(8)).unwrap();
    assert_eq!((freed.resources, freed.access_token_ttl), (None, None));
}

#[test]
fn only_what_takes_something_away_ends_tokens() {
    let admin = "https://id.example/admin/v1";
    let before = validated(json!({"roles": ["admin"], "resources": [admin]})).unwrap();
    let after = |changes: Value| {
        let changes: ClientChanges = serde_json::from_value(changes).unwrap();
        changes.apply(&before, &policy(), UnixSeconds(8)).unwrap().taken_away_since(&before)
    };
    assert_eq!(after(json!({"client_name": "New", "access_token_ttl": 60, "claims": {"a": 1}})), None);
    assert_eq!(after(json!({"roles": ["admin", "guard"], "resources": null})), None);
    assert!(after(json!({"disabled": true})).is_some());
    assert!(after(json!({"roles": ["guard"]})).is_some());
    assert!(after(json!({"resources": ["https://id.example/revocations"]})).is_some());
}

#[test]
fn a_client_is_limited_to_its_roles_from_the_first_one_on_and_without_any_only_if_that_is_said() {
    let changed = |client: &Client, changes: Value| {
        let changes: ClientChanges = serde_json::from_value(changes).unwrap();
        changes.apply(client, &policy(), UnixSeconds(8))
    };
    let never = validated(json!({"redirect_uris": ["https://app.example/cb"]})).unwrap();
    let first = changed(&never, json!({"roles": ["guard"]})).unwrap();
    let none_left = changed(&first, json!({"roles": []})).unwrap();
    assert_eq!([never.limited_to_roles, first.limited_to_roles, none_left.limited_to_roles], [false, true, true]);
    assert!(first.taken_away_since(&never).is_some(), "the first role takes everything else away");
    assert!(!changed(&none_left, json!({"limited_to_roles": false})).unwrap().limited_to_roles);
    assert!(changed(&first, json!({"limited_to_roles": false})).is_err());
    assert!(validated(json!({"limited_to_roles": true})).unwrap().limited_to_roles);
}

#[test]
fn grants_end_with_a_client_that_is_shut_out_made_public_or_not_for_people_any_more() {
    let before = validated(json!({"redirect_uris": ["https://app.example/cb"], "roles": ["guard"]})).unwrap();
    let ends = |changes: Value| {
        let changes: ClientChanges = serde_json::from_value(changes).unwrap();
        changes.apply(&before, &policy(), UnixSeconds(8)).unwrap().loses_grants_since(&before)
    };
    for changes in [
        json!({"disabled": true}),
        json!({"token_endpoint_auth_method": "none"}),
        json!({"grant_types": ["authorization_code"]}),
        json!({"grant_types": ["client_credentials"], "redirect_uris": []}),
    ] {
        assert!(ends(changes.clone()), "{changes}");
    }
    for changes in [json!({"roles": []}), json!({"client_name": "New"}), json!({"access_token_ttl": 60})] {
        assert!(!ends(changes.clone()), "{changes}");
    }
}

#[test]
fn a_client_whose_stored_claims_are_refused_today_can_still_be_shut_out() {
    let mut stored = validated(json!({})).unwrap();
    stored.claims.insert("active".to_owned(), json!(false));
    let changed = |changes: Value| {
        let changes: ClientChanges = serde_json::from_value(changes).unwrap();
        changes.apply(&stored, &policy(), UnixSeconds(8))
    };
    assert!(changed(json!({"disabled": true})).unwrap().disabled);
    assert!(changed(json!({"claims": stored.claims.clone()})).is_err());
}

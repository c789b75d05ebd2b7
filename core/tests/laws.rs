//! The laws of scopes and decisions, for any scopes, roles and tools.
#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use bailiwick_core::{Decision, Scope, ScopeSet, Tool, ToolKind, Tools, What, decide, resolve};
use proptest::prelude::*;

const NAMES: [&str; 5] = ["add", "drop", "list", "look", "move"];

fn any_tools() -> impl Strategy<Value = Tools> {
    proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), any::<bool>(), 0..=NAMES.len()).prop_map(
        |kinds| {
            let tools = kinds.into_iter().map(|(name, reads)| Tool {
                name: name.parse().unwrap(),
                kind: if reads { ToolKind::Read } else { ToolKind::Write },
                title: String::new(),
            });
            Tools::new("hr".parse().unwrap(), tools).unwrap()
        },
    )
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let what = prop_oneof![
        Just(What::All),
        Just(What::Read),
        Just(What::Write),
        proptest::sample::select(&NAMES[..]).prop_map(|name| What::Tool(name.parse().unwrap())),
    ];
    (proptest::sample::select(&["hr", "project"][..]), what)
        .prop_map(|(server, what)| Scope::new(server.parse().unwrap(), what))
}

fn any_scopes() -> impl Strategy<Value = ScopeSet> {
    proptest::collection::vec(any_scope(), 0..6).prop_map(ScopeSet::from_iter)
}

fn callable(scopes: &ScopeSet, tools: &Tools) -> Vec<String> {
    let allowed = tools.iter().filter(|tool| decide(scopes, tools, tool.name.as_str()).is_allowed());
    allowed.map(|tool| tool.name.to_string()).collect()
}

proptest! {
    #[test]
    fn narrowing_never_widens(tools in any_tools(), allowed in any_scopes(), requested in any_scopes()) {
        let before = callable(&allowed, &tools);
        if let Ok(granted) = resolve(Some(&requested.to_string()), &allowed, &tools) {
            prop_assert!(!granted.is_empty());
            for tool in callable(&granted, &tools) {
                prop_assert!(before.contains(&tool), "{tool} of {granted} is not in {allowed}");
            }
            for scope in granted.iter() {
                prop_assert!(allowed.implies(scope, &tools), "{scope} is not allowed by {allowed}");
            }
        }
    }

    #[test]
    fn without_a_request_exactly_what_is_allowed_can_be_called(tools in any_tools(), allowed in any_scopes()) {
        let granted = resolve(None, &allowed, &tools).unwrap_or_default();
        prop_assert_eq!(callable(&granted, &tools), callable(&allowed, &tools));
    }

    #[test]
    fn resolving_twice_changes_nothing(tools in any_tools(), allowed in any_scopes(), requested in any_scopes()) {
        if let Ok(granted) = resolve(Some(&requested.to_string()), &allowed, &tools) {
            prop_assert_eq!(resolve(Some(&granted.to_string()), &allowed, &tools), Ok(granted.clone()));
            prop_assert_eq!(resolve(Some(&granted.to_string()), &granted, &tools), Ok(granted));
        }
    }

    #[test]
    fn what_two_sets_have_in_common_opens_exactly_what_both_open(
        tools in any_tools(),
        one in any_scopes(),
        other in any_scopes(),
    ) {
        let both = one.intersection(&other, &tools);
        let (opened, others) = (callable(&one, &tools), callable(&other, &tools));
        let expected: Vec<String> = opened.into_iter().filter(|tool| others.contains(tool)).collect();
        prop_assert_eq!(callable(&both, &tools), expected);
        prop_assert_eq!(&both, &other.intersection(&one, &tools));
        for scope in both.iter() {
            prop_assert!(one.implies(scope, &tools) && other.implies(scope, &tools), "{} of {} and {}", scope, one, other);
        }
    }

    #[test]
    fn implication_is_transitive(tools in any_tools(), a in any_scope(), b in any_scope(), c in any_scope()) {
        if a.implies(&b, &tools) && b.implies(&c, &tools) {
            prop_assert!(a.implies(&c, &tools), "{a} implies {b} implies {c}");
        }
    }

    #[test]
    fn implication_is_reflexive_and_stays_at_its_server(tools in any_tools(), a in any_scope(), b in any_scope()) {
        prop_assert!(a.implies(&a, &tools));
        prop_assert!(a.server == b.server || !a.implies(&b, &tools));
    }

    #[test]
    fn an_unknown_tool_is_always_denied(tools in any_tools(), scopes in any_scopes(), name in "[a-z:*]{0,8}") {
        prop_assume!(tools.get(&name).is_none());
        prop_assert_eq!(decide(&scopes, &tools, &name), Decision::UnknownTool);
    }

    #[test]
    fn the_scope_that_a_denial_names_would_have_allowed_the_call(tools in any_tools(), scopes in any_scopes()) {
        for tool in tools.iter() {
            if let Decision::Deny { needed } = decide(&scopes, &tools, tool.name.as_str()) {
                let given = ScopeSet::from_iter([needed]);
                prop_assert!(decide(&given, &tools, tool.name.as_str()).is_allowed());
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again(scopes in any_scopes()) {
        prop_assert_eq!(scopes.to_string().parse::<ScopeSet>(), Ok(scopes));
    }

    #[test]
    fn no_text_makes_the_scope_parser_panic(text in "\\PC*") {
        let _ = text.parse::<ScopeSet>();
    }
}

//! rmcp's own OAuth client against mcp-hr: a person signs in with our pages, is asked again where a tool needs
//! more, and is not asked where a token only expired; a program does the same with its own credentials.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::sync::Arc;

use bailiwick_e2e::editor::REDIRECT_URI;
use bailiwick_e2e::hr::{READING, leave};
use bailiwick_e2e::sdk::Page;
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Browser, HR, World};
use reqwest::Url;
use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, CallToolResult, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthorizationCallback, AuthorizationManager, AuthorizationRequest, ClientCredentialsConfig, OAuthState,
    WWWAuthenticateParams,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// Both eras, and the revision that is spoken then.
fn eras() -> [(ClientLifecycleMode, ProtocolVersion); 2] {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    [
        (ClientLifecycleMode::Initialize, ProtocolVersion::V_2025_11_25),
        (ClientLifecycleMode::Discover { preferred_versions }, ProtocolVersion::V_2026_07_28),
    ]
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A client that is let in. The person's browser waits for answers, so that each step of the client runs
/// to its end by itself.
struct Client {
    runtime: Runtime,
    manager: Arc<Mutex<AuthorizationManager>>,
    service: RunningService<RoleClient, ()>,
}

impl Client {
    fn connect(runtime: Runtime, oauth: OAuthState, world: &World, era: ClientLifecycleMode) -> Self {
        let http = AuthClient::new(http(), oauth.into_authorization_manager().unwrap());
        let manager = Arc::clone(&http.auth_manager);
        let config = StreamableHttpClientTransportConfig::with_uri(world.hr.resource.as_str());
        let begin =
            async { ().serve_with_lifecycle(StreamableHttpClientTransport::with_client(http, config), era).await };
        let service = runtime.block_on(begin).unwrap();
        Self { runtime, manager, service }
    }

    /// A client of a person, who signs in now.
    fn of_person(
        world: &World,
        client_id: &str,
        sign_in: impl FnOnce(&Page) -> String,
        era: ClientLifecycleMode,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let url = world.hr.resource.as_str();
        let mut oauth = runtime.block_on(OAuthState::new(url, Some(http()))).unwrap();
        let request = AuthorizationRequest::new(REDIRECT_URI).with_preregistered_client(client_id);
        runtime.block_on(oauth.start_authorization(request.with_initial_scope_selection())).unwrap();
        let page = Page::at(&runtime.block_on(oauth.get_authorization_url()).unwrap());
        let back = sign_in(&page);
        runtime.block_on(oauth.handle_callback_url(&back)).unwrap();
        Self::connect(runtime, oauth, world, era)
    }

    fn tools(&self) -> Vec<String> {
        let tools = self.runtime.block_on(self.service.list_all_tools()).unwrap();
        let mut names: Vec<_> = tools.iter().map(|tool| tool.name.to_string()).collect();
        names.sort();
        names
    }

    fn call(&self, tool: &str, arguments: &Value) -> Result<CallToolResult, ServiceError> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        self.runtime.block_on(self.service.call_tool(call))
    }

    fn result(&self, tool: &str, arguments: &Value) -> Value {
        self.call(tool, arguments).unwrap().structured_content.unwrap_or_default()
    }

    fn scopes(&self) -> Vec<String> {
        self.runtime.block_on(async { self.manager.lock().await.get_current_scopes().await })
    }
}

#[test]
fn a_person_signs_in_at_a_server_that_rmcp_knows_by_its_url_alone() {
    let world = World::shared();
    for (era, version) in eras() {
        let (person, editor) = (world.person(&format!("whole-{version}"), &["Officer"]), world.editor());
        let sign_in = |page: &Page| {
            for (name, value) in [
                ("response_type", "code"),
                ("client_id", &editor.client_id),
                ("resource", &world.hr.resource),
                ("code_challenge_method", "S256"),
                ("scope", "hr:read offline_access"),
            ] {
                assert_eq!(page.parameter(name), value, "{name}: {page:#?}");
            }
            person.agree(&Browser::new(), &page.url).expect(303).header("location").to_owned()
        };
        let client = Client::of_person(&world, &editor.client_id, sign_in, era);
        assert_eq!(client.service.peer_info().unwrap().protocol_version, version);
        assert_eq!(
            (client.tools(), client.scopes()),
            (READING.map(str::to_owned).to_vec(), vec!["hr:read".to_owned()])
        );
        assert!(client.result("get_hr_summary", &json!({}))["total_employees"].is_number());
        let issued = world.auth.await_issued(&editor.client_id, 1);
        let of_person = |token: &Value| token["sub"] == person.user_id && token["aud"] == world.hr.resource;
        assert!(issued.len() == 1 && issued.iter().all(of_person), "{issued:#?}");
    }
}

#[test]
fn a_tool_that_needs_more_asks_the_person_again_and_keeps_what_was_held() {
    let world = World::shared();
    for (era, version) in eras() {
        let (person, editor) = (world.person(&format!("more-{version}"), &["Officer"]), world.editor());
        let browser = Browser::new();
        let agree = |page: &Page| person.agree(&browser, &page.url).expect(303).header("location").to_owned();
        let client = Client::of_person(&world, &editor.client_id, agree, era);
        let refused = client.call("create_leave_request", &leave()).unwrap_err();
        let resource = Url::parse(&world.hr.resource).unwrap();
        let challenge = WWWAuthenticateParams::parse(refused.auth_challenge().unwrap(), &resource);
        assert!(challenge.is_insufficient_scope(), "{refused:?}");
        let upgrade = async { client.manager.lock().await.request_scope_upgrade(&challenge.scope.unwrap()).await };
        let page = Page::at(&client.runtime.block_on(upgrade).unwrap());
        assert_eq!(page.parameter("scope"), "hr:read hr:create_leave_request offline_access", "{page:#?}");
        let AuthorizationCallback { code, csrf_token, issuer, .. } =
            AuthorizationCallback::from_redirect_url(&agree(&page)).unwrap();
        let exchange = async {
            let manager = client.manager.lock().await;
            manager.exchange_code_for_token_with_issuer(&code, &csrf_token, issuer.as_deref()).await
        };
        let _ = client.runtime.block_on(exchange).unwrap();
        assert_eq!(client.result("create_leave_request", &leave())["status"], "pending");
        assert_eq!(client.tools(), ["create_leave_request", READING[0], READING[1]]);
    }
}

#[test]
fn a_token_that_has_expired_is_refreshed_without_asking_the_person() {
    let world = World::shared();
    let person = world.person("refreshed", &["Reader"]);
    let editor = world.editor_with(&json!({"access_token_ttl": 1}));
    let agree = |page: &Page| person.agree(&Browser::new(), &page.url).expect(303).header("location").to_owned();
    let [_, (era, _)] = eras();
    let client = Client::of_person(&world, &editor.client_id, agree, era);
    // The second refresh takes the refresh token that the first one brought.
    eventually("rmcp refreshes twice", || {
        assert!(client.result("get_hr_summary", &json!({}))["total_employees"].is_number());
        world.auth.issued_to(&editor.client_id).len() >= 3
    });
    assert_eq!(client.scopes(), ["hr:read"]);
}

#[test]
fn a_program_gets_tokens_with_its_own_credentials() {
    let world = World::shared();
    for (era, _) in eras() {
        let credentials = world.client(&["Officer"]);
        let runtime = Runtime::new().unwrap();
        let mut oauth = runtime.block_on(OAuthState::new(world.hr.resource.as_str(), Some(http()))).unwrap();
        let config = ClientCredentialsConfig::ClientSecret {
            client_id: credentials.id,
            client_secret: credentials.secret,
            scopes: Vec::new(),
            resource: Some(world.hr.resource.clone()),
        };
        runtime.block_on(oauth.authenticate_client_credentials(config)).unwrap();
        let client = Client::connect(runtime, oauth, &world, era);
        // It takes scopes from whoever uses it and not from the challenge: without any it gets all that it may.
        assert_eq!(client.tools(), HR.tools());
        assert_eq!(client.result("create_leave_request", &leave())["status"], "pending");
    }
}

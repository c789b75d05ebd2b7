//! Keys that are withdrawn.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn a_withdrawn_key_is_gone_and_a_new_one_signs_at_once() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let stolen = process.signer().await;
    let Withdrawal::Done(Some(successor)) = process.withdraw(&stolen).await else { panic!("no successor") };
    assert_eq!(process.keys().await.iter().map(|key| &key.key_id).collect::<Vec<_>>(), [&successor]);
    assert_eq!(process.signer().await, successor);
    let [event] = &process.events().await[..] else { panic!("not one event") };
    assert_eq!(event.subject, Subject::new(SubjectKind::Key, stolen.as_str()));
    assert!(event.refuses(Some(u64::MAX)), "whoever stole the key writes any position");
}

#[tokio::test]
async fn the_key_that_was_to_follow_a_withdrawn_one_signs_at_once() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let (stolen, next) = (process.signer().await, process.rotate(Takeover::AfterPublication).await);
    assert!(matches!(process.withdraw(&stolen).await, Withdrawal::Done(Some(successor)) if successor == next));
    assert_eq!(process.signer().await, next);
    assert_eq!(process.keys().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_was_followed_does_not_come_back_for_one_that_is_withdrawn() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let former = process.signer().await;
    let stolen = process.rotate(Takeover::Now).await;
    let Withdrawal::Done(Some(successor)) = process.withdraw(&stolen).await else { panic!("no successor") };
    assert_ne!(successor, former);
    assert_eq!(process.statuses().await, [KeyStatus::Signing, KeyStatus::Retiring]);
}

#[tokio::test]
async fn a_withdrawn_key_that_did_not_sign_needs_no_successor() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let (signer, next) = (process.signer().await, process.rotate(Takeover::AfterPublication).await);
    assert!(matches!(process.withdraw(&next).await, Withdrawal::Done(None)));
    let other =
        process.custody.rotate(&process.storage, Algorithm::ES256, Takeover::Now, &process.clock).await.unwrap();
    assert!(matches!(process.withdraw(&other.key_id).await, Withdrawal::Done(None)), "nobody asks for ES256");
    assert_eq!(process.keys().await.len(), 1);
    assert_eq!(process.signer().await, signer);
}

#[tokio::test]
async fn an_unknown_key_is_not_withdrawn_and_nothing_is_appended() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let (key_id, before) = (process.signer().await, process.storage.state().await.unwrap());
    assert!(matches!(process.withdraw(&"nobody".parse().unwrap()).await, Withdrawal::Unknown));
    assert_eq!(process.storage.state().await.unwrap(), before);
    assert_eq!(process.signer().await, key_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_many_withdraw_at_once_is_withdrawn_once() {
    let host = Host::new();
    let processes = join_all((0..4).map(|_| host.process(0))).await;
    processes[0].keep().await;
    let stolen = processes[0].signer().await;
    let outcomes = join_all(processes.iter().map(|process| process.withdraw(&stolen))).await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Withdrawal::Done(Some(_))));
    assert_eq!(done.count(), 1);
    assert_eq!((processes[1].keys().await.len(), processes[1].events().await.len()), (1, 1));
}

#[tokio::test]
async fn a_withdrawn_private_key_leaves_no_byte_in_the_database() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let sealed = process.keys().await[0].sealed.clone();
    let file = host.0.path().join("auth.db");
    let stands_in_the_file =
        |path: &std::path::Path| std::fs::read(path).unwrap().windows(sealed.len()).any(|window| window == sealed);
    process.storage.close().await;
    assert!(stands_in_the_file(&file));
    let process = host.process(0).await;
    process.withdraw(&process.signer().await).await;
    process.storage.close().await;
    assert!(!stands_in_the_file(&file));
}

//! The master key is changed, and what a change that was cut off leaves.

use std::path::Path;

use futures::future::join_all;

use super::*;

/// The text of the master key in a file.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn next_to(file: &Path) -> PathBuf {
    file.with_file_name("master.key.next")
}

async fn rewrapped(process: &Process, host: &Host) -> Result<usize, rewrap::RewrapError> {
    rewrap(&process.storage, &host.file(), NewMasterKey::Generated(&SystemEntropy)).await
}

#[tokio::test]
async fn a_new_master_key_opens_everything_and_the_old_one_nothing() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    process.rotate(Takeover::Now).await;
    let old = MasterKey::load(&host.file()).unwrap();
    assert_eq!(rewrapped(&process, &host).await.unwrap(), 2);
    let keys = process.keys().await;
    assert!(host.process(0).await.ring().await.is_ok());
    let error = Custody::new(old, None).ring(keys).err().unwrap().to_string();
    assert!(error.contains("after `keys rewrap` the new one"), "{error}");
    assert!(!next_to(&host.file()).exists());
}

#[tokio::test]
async fn a_process_goes_on_when_the_master_key_in_the_file_was_changed_under_it() {
    let host = Host::new();
    let (running, other) = (host.process(0).await, host.process(0).await);
    running.keep().await;
    let ring = running.ring().await.unwrap();
    rewrapped(&other, &host).await.unwrap();
    let next = running.rotate(Takeover::Now).await;
    let ring = running.custody.next_ring(running.keys().await, &ring);
    assert_eq!(ring.signer(OWN, running.clock.now()).unwrap().key_id(), &next);
    assert!(host.process(0).await.ring().await.is_ok(), "the new key is sealed under the new master key");
}

#[tokio::test]
async fn a_process_whose_master_key_is_out_of_date_signs_with_what_it_has_and_adds_nothing() {
    let host = Host::new();
    let (running, other) = (host.process(0).await, host.process(0).await);
    running.keep().await;
    let custody = Custody::new(MasterKey::load(&host.file()).unwrap(), None);
    let ring = custody.ring(running.keys().await).unwrap();
    let first = running.signer().await;
    rewrapped(&other, &host).await.unwrap();
    let refused = custody.rotate(&running.storage, OWN, Takeover::Now, &running.clock).await;
    assert!(matches!(refused, Err(CustodyError::Unseal(_))));
    assert_eq!(running.keys().await.len(), 1);
    let next = other.rotate(Takeover::Now).await;
    let ring = custody.next_ring(running.keys().await, &ring);
    assert_eq!(ring.signer(OWN, running.clock.now()).unwrap().key_id(), &first);
    assert!(ring.verifying().get(&next).is_some(), "it publishes and verifies with the key that it cannot open");
}

#[tokio::test]
async fn a_change_of_the_master_key_that_was_cut_off_before_its_commit_leaves_the_old_one() {
    for left in [MasterKeyText::Whole, MasterKeyText::Half] {
        let host = Host::new();
        let process = host.process(0).await;
        process.keep().await;
        let old = text(&host.file());
        left.write(&next_to(&host.file()));
        let started = host.process(0).await;
        assert!(started.ring().await.is_ok());
        assert_eq!(text(&host.file()), old);
        assert!(!next_to(&host.file()).exists());
        assert_eq!(rewrapped(&started, &host).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_change_of_the_master_key_that_was_cut_off_after_its_commit_is_finished_by_the_next_start() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    let present = MasterKey::load(&host.file()).unwrap();
    MasterKeyText::Whole.write(&next_to(&host.file()));
    let new = MasterKey::load(&next_to(&host.file())).unwrap();
    rewrap_under(&process.storage, &present, &new).await.unwrap();
    assert!(process.ring().await.is_err(), "the file still holds the old one");
    let started = host.process(0).await;
    assert!(started.ring().await.is_ok());
    assert!(MasterKey::load(&host.file()).unwrap().is(&new));
    assert!(!next_to(&host.file()).exists());
}

#[tokio::test]
async fn the_present_master_key_is_no_new_one_and_a_database_without_keys_has_nothing_to_seal() {
    let host = Host::new();
    let process = host.process(0).await;
    assert!(matches!(rewrapped(&process, &host).await, Err(rewrap::RewrapError::NoKeys)));
    process.keep().await;
    let same = NewMasterKey::Given(MasterKey::load(&host.file()).unwrap());
    let refused = rewrap(&process.storage, &host.file(), same).await;
    assert!(matches!(refused, Err(rewrap::RewrapError::Same)));
    assert!(process.ring().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_the_master_key_rotations_and_starts_at_once_end_with_a_key_that_opens_everything() {
    for _ in 0..5 {
        let host = Host::new();
        let processes = join_all((0..3).map(|_| host.process(0))).await;
        processes[0].keep().await;
        let rewraps = join_all(processes.iter().map(|process| rewrapped(process, &host)));
        let rotations = join_all(processes.iter().map(|process| async {
            // It may meet the moment between database and file, and is told so then.
            process.custody.rotate(&process.storage, OWN, Takeover::Now, &process.clock).await.is_ok()
        }));
        let starts = join_all((0..3).map(|_| host.process(0)));
        let (done, rotated, _) = tokio::join!(rewraps, rotations, starts);
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        let keys = processes[0].keys().await.len();
        assert_eq!(keys, 1 + rotated.iter().filter(|made| **made).count());
        assert!(host.process(0).await.ring().await.is_ok());
        assert!(!next_to(&host.file()).exists());
    }
}

/// What a change of the master key that was cut off has left.
#[derive(Clone, Copy)]
enum MasterKeyText {
    Whole,
    Half,
}

impl MasterKeyText {
    fn write(self, path: &Path) {
        MasterKey::generate(&SystemEntropy).unwrap().write_new(path).unwrap();
        if matches!(self, Self::Half) {
            std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(20).unwrap();
        }
    }
}

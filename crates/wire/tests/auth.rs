
#[test]
fn the_secret_of_decoys_stays_with_the_file() {
    let mut users = Users::parse("# mine\n").unwrap();
    assert!(users.decoy_secret().is_none());
    users.keep_decoy_secret(&[7; 32]);
    users.keep_decoy_secret(&[8; 32]);
    let text = users.text();
    assert_eq!(text.lines().count(), 2);
    let again = Users::parse(&text).unwrap();
    assert!(again.decoy_secret().is_some());
    assert_eq!(*again.text(), *text);
}

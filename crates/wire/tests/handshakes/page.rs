//! The page on the protocol holds the client that is tested, whole, in both languages.

#[test]
fn the_page_shows_the_client_that_is_tested() {
    let client = include_str!("../../../../tests/peers/auth_client.py");
    let shown = format!("```python\n{client}```\n");
    assert!(include_str!("../../../../docs/auth.md").contains(&shown));
    assert!(include_str!("../../../../docs/auth.zh-CN.md").contains(&shown));
}

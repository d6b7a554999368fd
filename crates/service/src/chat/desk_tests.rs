//! The desk's rules, one by one.

use sockeye_core::SessionId;

use super::desk::{Desk, First, Heard, News, Rules, Said, Standing};

const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);
const C: SessionId = SessionId(3);

fn desk(mut rules: Rules) -> Desk {
    rules.bye = Some("bye".into());
    Desk::new(rules)
}

fn turns(first: Option<First>) -> Desk {
    desk(Rules { turns: true, first, ..Rules::default() })
}

fn queue() -> Desk {
    desk(Rules { one_at_a_time: true, ..Rules::default() })
}

fn come(desk: &mut Desk, session: SessionId) {
    desk.arrive(session, format!("peer-{session}"));
}

/// What is to be sent to a peer, a goodbye in brackets.
fn said(desk: &mut Desk, session: SessionId) -> Vec<String> {
    std::iter::from_fn(|| desk.next(session))
        .map(|said| match said {
            Said::Words(text) => text.into_string(),
            Said::Bye(word) => format!("[{word}]"),
        })
        .collect()
}

/// The keys of the notes so far, each with its count if it has one.
fn notes(desk: &mut Desk) -> Vec<String> {
    desk.news()
        .into_iter()
        .filter_map(|news| match news {
            News::Note(note) => {
                let value = |name| note.args.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
                let (number, count) = (value("number"), value("count"));
                let show = |part: Option<&String>| part.map_or("-", String::as_str).to_owned();
                Some(format!("{} {} {}", note.key, show(number), show(count)))
            }
            News::Wake(_) => None,
        })
        .collect()
}

fn woken(desk: &mut Desk) -> Vec<SessionId> {
    let news = desk.news().into_iter();
    news.filter_map(|news| if let News::Wake(session) = news { Some(session) } else { None }).collect()
}

#[test]
fn lines_typed_before_anybody_is_there_go_to_the_first_that_comes() {
    let mut desk = desk(Rules::default());
    desk.typed("one");
    desk.typed("two");
    assert_eq!(notes(&mut desk), ["chat-held - -"]);
    come(&mut desk, A);
    assert_eq!(woken(&mut desk), [A]);
    come(&mut desk, B);
    assert_eq!(said(&mut desk, A), ["one", "two"]);
    assert_eq!(said(&mut desk, B), [""; 0]);
}

#[test]
fn turns_alternate_and_what_is_typed_out_of_turn_is_held() {
    let mut desk = turns(Some(First::Server));
    come(&mut desk, A);
    desk.typed("one");
    desk.typed("three");
    desk.typed("five");
    assert_eq!(said(&mut desk, A), ["one"]);
    assert_eq!(desk.heard(A, "two"), Heard::Words);
    assert_eq!(said(&mut desk, A), ["three"]);
    desk.heard(A, "four");
    assert_eq!(said(&mut desk, A), ["five"]);
    assert_eq!(said(&mut desk, A), [""; 0]);
}

#[test]
fn who_is_first_is_kept_to() {
    let mut client = turns(Some(First::Client));
    come(&mut client, A);
    client.typed("second");
    assert_eq!(said(&mut client, A), [""; 0]);
    client.heard(A, "first");
    assert_eq!(said(&mut client, A), ["second"]);

    let mut either = turns(None);
    come(&mut either, A);
    either.typed("first");
    either.typed("third");
    assert_eq!(said(&mut either, A), ["first"]);

    let mut free = desk(Rules { first: Some(First::Client), ..Rules::default() });
    come(&mut free, A);
    free.typed("b");
    free.typed("c");
    assert_eq!(said(&mut free, A), [""; 0]);
    free.heard(A, "a");
    assert_eq!(said(&mut free, A), ["b", "c"]);
}

#[test]
fn a_line_that_could_not_be_sent_gives_the_turn_back() {
    let mut desk = turns(Some(First::Server));
    come(&mut desk, A);
    desk.typed("cannot be encoded");
    desk.typed("can");
    assert_eq!(said(&mut desk, A), ["cannot be encoded"]);
    desk.unsaid(A);
    assert_eq!(said(&mut desk, A), ["can"]);
}

#[test]
fn later_peers_wait_in_line_and_are_counted() {
    let mut desk = queue();
    come(&mut desk, A);
    come(&mut desk, B);
    come(&mut desk, C);
    assert_eq!(notes(&mut desk), ["chat-came 1 0", "chat-waits 2 1", "chat-waits 3 2"]);
    assert_eq!(desk.standing(B), Some(Standing::Waiting));
    desk.typed("for the first");
    assert_eq!(said(&mut desk, B), [""; 0]);
    assert_eq!(said(&mut desk, A), ["for the first"]);
    desk.leave(A);
    assert_eq!(desk.standing(B), Some(Standing::Talking));
    assert_eq!(notes(&mut desk), ["chat-went 1 2", "chat-next 2 1"]);
}

#[test]
fn the_next_in_line_is_woken() {
    let mut desk = queue();
    come(&mut desk, A);
    come(&mut desk, B);
    desk.news();
    desk.leave(A);
    assert_eq!(woken(&mut desk), [B]);
}

#[test]
fn one_that_leaves_the_line_is_taken_off_and_the_count_told() {
    let mut desk = queue();
    come(&mut desk, A);
    come(&mut desk, B);
    come(&mut desk, C);
    desk.news();
    desk.leave(B);
    assert_eq!(notes(&mut desk), ["chat-waiter-went 2 1"]);
    desk.leave(A);
    assert_eq!(desk.standing(C), Some(Standing::Talking));
    assert_eq!(desk.standing(B), None);
}

#[test]
fn what_is_typed_after_a_goodbye_is_for_the_next_caller() {
    let mut desk = queue();
    come(&mut desk, A);
    come(&mut desk, B);
    for line in ["to a", "bye", "to b"] {
        desk.typed(line);
    }
    assert_eq!(said(&mut desk, A), ["to a", "[bye]"]);
    assert_eq!(said(&mut desk, B), [""; 0]);
    desk.leave(A);
    assert_eq!(said(&mut desk, B), ["to b"]);
}

#[test]
fn a_line_that_the_one_spoken_to_did_not_get_any_more_is_for_the_next() {
    let mut desk = queue();
    come(&mut desk, A);
    desk.typed("late");
    desk.leave(A);
    come(&mut desk, B);
    assert_eq!(said(&mut desk, B), ["late"]);
}

#[test]
fn a_goodbye_is_compared_without_its_line_ending() {
    for word in ["bye", "bye\n", "bye\r\n"] {
        let mut desk = desk(Rules::default());
        come(&mut desk, A);
        assert_eq!(desk.heard(A, word), Heard::Bye);
        assert_eq!(desk.standing(A), Some(Standing::Leaving));
    }
    let mut desk = desk(Rules::default());
    come(&mut desk, A);
    for word in ["bye bye", "Bye", " bye", ""] {
        assert_eq!(desk.heard(A, word), Heard::Words, "{word:?}");
    }
}

#[test]
fn plain_lines_go_to_the_peer_last_heard_or_the_first() {
    let mut desk = desk(Rules::default());
    come(&mut desk, A);
    come(&mut desk, B);
    desk.typed("to the first");
    desk.heard(B, "hello");
    desk.typed("to b");
    desk.heard(A, "hello");
    desk.typed("to a");
    desk.leave(A);
    desk.typed("to b again");
    assert_eq!(said(&mut desk, B), ["to b", "to b again"]);
}

#[test]
fn to_names_a_peer_by_its_number() {
    let mut desk = desk(Rules::default());
    come(&mut desk, A);
    come(&mut desk, B);
    desk.news();
    desk.heard(A, "hello");
    desk.typed("/to 2 hello you");
    desk.typed("/to 9 hello");
    desk.typed("//who");
    assert_eq!(said(&mut desk, B), ["hello you"]);
    assert_eq!(said(&mut desk, A), ["/who"]);
    assert_eq!(notes(&mut desk), ["chat-speaker 1 0", "chat-nobody 9 -"]);
}

#[test]
fn who_lists_and_unknown_commands_are_told() {
    let mut desk = queue();
    desk.typed("/who");
    come(&mut desk, A);
    come(&mut desk, B);
    desk.news();
    for line in ["/who", "/to 2 hello", "/nonsense"] {
        desk.typed(line);
    }
    let told = ["chat-who-talks 1 1", "chat-who-waits 2 1", "chat-not-yet 2 -", "chat-unknown-command - -"];
    assert_eq!(notes(&mut desk), told);
}

#[test]
fn lines_for_one_that_left_are_told_as_unsent() {
    let mut desk = turns(Some(First::Client));
    come(&mut desk, A);
    come(&mut desk, B);
    desk.news();
    desk.typed("/to 2 one");
    desk.typed("/to 2 two");
    desk.leave(B);
    assert_eq!(notes(&mut desk), ["chat-held - -", "chat-went 2 0", "chat-unsent 2 2"]);
}

#[test]
fn the_speaker_is_told_only_among_several_and_when_it_changes() {
    let mut desk = desk(Rules::default());
    come(&mut desk, A);
    desk.news();
    desk.heard(A, "alone");
    assert_eq!(notes(&mut desk), [""; 0]);
    come(&mut desk, B);
    desk.news();
    desk.heard(A, "one");
    desk.heard(A, "two");
    desk.heard(B, "three");
    assert_eq!(notes(&mut desk), ["chat-speaker 1 0", "chat-speaker 2 0"]);
}

#[test]
fn held_lines_are_bounded() {
    let mut desk = desk(Rules::default());
    for _ in 0..1001 {
        desk.typed("x");
    }
    assert_eq!(notes(&mut desk), ["chat-held - -", "chat-full - 1000"]);
    let mut desk = self::desk(Rules::default());
    desk.typed(&"x".repeat(1 << 20));
    desk.typed("y");
    come(&mut desk, A);
    desk.typed("z");
    let sent: Vec<usize> = said(&mut desk, A).iter().map(String::len).collect();
    assert_eq!(sent, [1 << 20, 1]);
}

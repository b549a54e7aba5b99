use super::*;

fn items(text: &str) -> Vec<(Kind, String)> {
    let mut lexer = Lexer::new(text);
    let mut items = Vec::new();
    loop {
        let item = lexer.next_item();
        let end = matches!(item.kind, Kind::Eof | Kind::Error);
        let text = if item.kind == Kind::Error { &lexer.problem } else { item.text(text) };
        items.push((item.kind, text.to_owned()));
        if end {
            return items;
        }
    }
}

fn last(text: &str) -> String {
    items(text).pop().unwrap().1
}

#[test]
fn trim_markers_take_the_spaces_around() {
    let read = items("a \n{{- .X -}}\t b");
    let texts: Vec<_> = read.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["a", "{{", ".X", "}}", "b", ""]);
    assert_eq!(items("{{-3}}")[1], (Kind::Number, "-3".to_owned()));
    assert_eq!(
        items("a {{- /* c */ -}} b").iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
        ["a", "b", ""]
    );
}

#[test]
fn every_kind_of_word_is_known() {
    let kinds: Vec<_> =
        items("{{if $x.y := 0x1F 'a' `r` \"s\" nil . true|f (1e3) ,}}").into_iter().map(|i| i.0).collect();
    for kind in [
        Kind::If,
        Kind::Variable,
        Kind::Field,
        Kind::Declare,
        Kind::Number,
        Kind::CharConstant,
        Kind::RawString,
        Kind::String,
        Kind::Nil,
        Kind::Dot,
        Kind::Bool,
        Kind::Pipe,
        Kind::Identifier,
        Kind::LeftParen,
        Kind::Char,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn what_cannot_be_read_says_so_in_go_s_words() {
    for (text, error) in [
        ("{{", "unclosed action"),
        ("{{\"a}}", "unterminated quoted string"),
        ("{{`a}}", "unterminated raw quoted string"),
        ("{{'a}}", "unterminated character constant"),
        ("{{(a}}", "unclosed left paren"),
        ("{{a)}}", "unexpected right paren"),
        ("{{/* a}}", "unclosed comment"),
        ("{{/* a */ b}}", "comment ends before closing delimiter"),
        ("{{$x!}}", "bad character U+0021 '!'"),
        ("{{3k}}", "bad number syntax: \"3k\""),
        ("{{:x}}", "expected :="),
        ("{{\u{1}}}", "unrecognized character in action: U+0001"),
    ] {
        assert_eq!(last(text), error, "{text}");
    }
}

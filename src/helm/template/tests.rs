//! Tests of whole templates. What they expect was recorded from Go and Helm.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::helm::functions::json;
use crate::helm::value::{Map, MapType};

fn values() -> Value {
    let text = r#"{
        "name": "web", "count": 3, "big": 1000000, "half": 0.5, "on": true, "off": false, "empty": "", "null": null,
        "list": ["a", "b", "c"], "nums": [1, 2, 3], "none": [], "map": {"x": 1, "y": {"z": "deep"}}, "text": "l1\nl2"
    }"#;
    let Value::Map(map) = json::parse(text).unwrap() else { panic!("an object") };
    let root = Map::new();
    root.insert("Values", map.as_type(MapType::Values));
    root.into()
}

fn render_with(files: &[(&str, &str)], name: &str, env: &ExecEnv) -> Result<Output, TemplateError> {
    let mut set = TemplateSet::new();
    for (name, text) in files {
        set.add(name, text)?;
    }
    set.execute(name, values(), env)
}

fn render(text: &str) -> String {
    match render_with(&[("t", text)], "t", &ExecEnv::default()) {
        Ok(output) => output.text.to_string(),
        Err(error) => format!("ERROR {}", error.raw()),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(render(text), *want, "{text}");
    }
}

#[test]
fn actions_do_what_go_s_do() {
    check(&[
        ("a{{/* c */}}b", "ab"),
        ("{{if .Values.on}}yes{{else}}no{{end}}", "yes"),
        ("{{if .Values.off}}a{{else if .Values.count}}b{{else}}c{{end}}", "b"),
        ("{{with .Values.map}}{{.x}}{{end}}", "1"),
        ("{{with .Values.empty}}a{{else with .Values.name}}{{.}}{{else}}c{{end}}", "web"),
        ("{{range .Values.list}}[{{.}}]{{end}}", "[a][b][c]"),
        ("{{range $i, $e := .Values.list}}{{$i}}={{$e}} {{end}}", "0=a 1=b 2=c "),
        ("{{range .Values.none}}x{{else}}empty{{end}}", "empty"),
        ("{{range $k, $v := .Values.map}}{{$k}};{{end}}", "x;y;"),
        ("{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}", "01201"),
        (
            "{{range .Values.nums}}{{if eq . 2.0}}{{continue}}{{end}}{{if eq . 3.0}}{{break}}{{end}}{{.}}{{end}}",
            "1",
        ),
        ("{{define \"d\"}}<{{.}}>{{end}}{{template \"d\" .Values.name}}{{template \"d\"}}", "<web><>"),
        ("{{block \"b\" .Values.name}}({{.}}){{end}}", "(web)"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}", "2"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"),
        ("{{- 1 -}} \n x \n {{- 2}}", "1x2"),
        ("{{(.Values.map).y.z}}{{(index .Values.list 1)}}", "deepb"),
        ("{{\"q\\n\" | print}}{{`r\\n`}}", "q\nr\\n"),
    ]);
    check(&[
        ("{{'a'}} {{0x1F}} {{1_000}} {{1e3}} {{-2}} {{0b11}} {{0o17}}", "97 31 1000 1000 -2 3 15"),
        ("{{nil | print}}", "ERROR template: t:1:2: executing \"t\" at <nil>: nil is not a command"),
    ]);
}

#[test]
fn missing_values_are_nothing_or_an_error_by_how_they_are_reached() {
    check(&[
        ("[{{.Values.missing}}]", "[]"),
        ("[{{.Values.null}}]", "[]"),
        (
            "{{.Values.missing.x}}",
            "ERROR template: t:1:9: executing \"t\" at <.Values.missing.x>: nil pointer evaluating interface {}.x",
        ),
        ("[{{(.Values.missing).x}}]", "[]"),
        ("{{$v := .Values.missing}}[{{$v.x}}]", "[]"),
        (
            "{{.Values.name.x}}",
            "ERROR template: t:1:9: executing \"t\" at <.Values.name.x>: can't evaluate field x in type interface {}",
        ),
        (
            "{{$v := .Values.name}}{{$v.x}}",
            "ERROR template: t:1:26: executing \"t\" at <$v.x>: can't evaluate field x in type string",
        ),
        ("{{printf \"%v\" .Values.missing}}", "<nil>"),
        (
            "{{upper .Values.missing}}",
            "ERROR template: t:1:15: executing \"t\" at <.Values.missing>: wrong type for value; expected string; got interface {}",
        ),
        (
            "{{.Values.missing | upper}}",
            "ERROR template: t:1:20: executing \"t\" at <upper>: invalid value; expected string",
        ),
        (
            "{{upper .Values.count}}",
            "ERROR template: t:1:15: executing \"t\" at <.Values.count>: wrong type for value; expected string; got float64",
        ),
    ]);
}

#[test]
fn comparisons_know_kinds() {
    check(&[
        (
            "{{eq 1 1}}{{eq 1 2 1}}{{ne 1 2}}{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 1 2}}",
            "truetruetruetruetruefalsefalse",
        ),
        (
            "{{eq .Values.count 3}}",
            "ERROR template: t:1:2: executing \"t\" at <eq .Values.count 3>: error calling eq: incompatible types for comparison: float64 and int",
        ),
        ("{{eq .Values.missing \"a\"}}{{eq .Values.missing nil}}", "falsetrue"),
        (
            "{{lt nil 1}}",
            "ERROR template: t:1:2: executing \"t\" at <lt nil 1>: error calling lt: invalid type for comparison",
        ),
        ("{{and 1 0 2}}{{or 0 \"\" \"x\" 3}}{{not 0}}{{and true .Values.name}}", "0xtrueweb"),
        ("{{or .Values.missing .Values.name}}", "web"),
        ("{{if and .Values.off (fail \"never\")}}{{end}}ok", "ok"),
    ]);
}

#[test]
fn parse_errors_are_go_s() {
    check(&[
        ("a\n{{if}}", "ERROR template: t:2: missing value for if"),
        ("{{foo}}", "ERROR template: t:1: function \"foo\" not defined"),
        ("{{.a}", "ERROR template: t:1: bad character U+007D '}'"),
        ("{{.a }", "ERROR template: t:1: unexpected \"}\" in operand"),
        ("{{if true}}", "ERROR template: t:1: unexpected EOF"),
        ("{{end}}", "ERROR template: t:1: unexpected {{end}}"),
        ("{{$x}}", "ERROR template: t:1: undefined variable \"$x\""),
        ("{{break}}", "ERROR template: t:1: {{break}} outside {{range}}"),
        ("{{1 | 2}}", "ERROR template: t:1: non executable command in pipeline stage 2"),
        ("{{\"x\".a}}", "ERROR template: t:1: unexpected . after term \"\\\"x\\\"\""),
        ("{{range $a, 1}}", "ERROR template: t:1: range can only initialize variables"),
        (
            "{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}",
            "ERROR template: t:1: template: multiple definition of template \"a\"",
        ),
        ("{{\n.x", "ERROR template: t:2: unclosed action started at t:1"),
        ("{{99999999999999999999}}", "ERROR template: t:1: integer overflow: \"99999999999999999999\""),
        ("{{genDoom 1}}", "ERROR template: t:1: function \"genDoom\" not defined"),
    ]);
    let nested = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(render(&format!("{{{{{nested}}}}}")), "ERROR template: t:1: max expression depth exceeded");
    assert!(render(&"{{if true}}".repeat(10_000)).contains("nested more than 2000 deep"));
}

#[test]
fn arguments_are_counted_and_checked() {
    check(&[
        (
            "{{default}}",
            "ERROR template: t:1:2: executing \"t\" at <default>: wrong number of args for default: want at least 1 got 0",
        ),
        (
            "{{upper}}",
            "ERROR template: t:1:2: executing \"t\" at <upper>: wrong number of args for upper: want 1 got 0",
        ),
        (
            "{{trunc \"a\" \"b\"}}",
            "ERROR template: t:1:8: executing \"t\" at <\"a\">: expected integer; found \"a\"",
        ),
        (
            "{{until (add 1 2)}}",
            "ERROR template: t:1:15: executing \"t\" at <2>: wrong type for value; expected int; got int64",
        ),
        ("{{1 2}}", "ERROR template: t:1:2: executing \"t\" at <1>: can't give argument to non-function 1"),
        (
            "{{.Values.name 1}}",
            "ERROR template: t:1:9: executing \"t\" at <.Values.name>: name is not a method but has arguments",
        ),
        (
            "{{range 1.5}}{{end}}",
            "ERROR template: t:1:8: executing \"t\" at <1.5>: range can't iterate over 1.5",
        ),
        (
            "{{template \"nope\"}}",
            "ERROR template: t:1:11: executing \"t\" at <{{template \"nope\"}}>: template \"nope\" not defined",
        ),
        (
            "{{index .Values.list 7}}",
            "ERROR template: t:1:2: executing \"t\" at <index .Values.list 7>: error calling index: index out of range: 7",
        ),
        (
            "{{div 1 0}}",
            "ERROR template: t:1:2: executing \"t\" at <div 1 0>: error calling div: runtime error: integer divide by zero",
        ),
        (
            "{{first nil}}",
            "ERROR template: t:1:2: executing \"t\" at <first nil>: error calling first: runtime error: invalid memory address or nil pointer dereference",
        ),
    ]);
}

#[test]
fn strings_lists_and_dicts() {
    check(&[
        (
            "{{quote .Values.name 1 nil}} {{squote \"a\"}} {{.Values.big}} {{int .Values.big}}",
            "\"web\" \"1\" 'a' 1e+06 1000000",
        ),
        ("{{nindent 2 .Values.text}}|{{indent 1 \"a\"}}", "\n  l1\n  l2| a"),
        ("{{list 1 \"a\" nil}} {{dict \"b\" 1 \"a\" 2}} {{tuple}}", "[1 a <nil>] map[a:2 b:1] []"),
        (
            "{{$d := dict}}{{$_ := set $d \"k\" 1}}{{$d}}{{hasKey $d \"k\"}}{{get $d \"z\"}}{{unset $d \"k\"}}",
            "map[k:1]truemap[]",
        ),
        (
            "{{merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3)}}{{mergeOverwrite (dict \"a\" 1) (dict \"a\" 2)}}",
            "map[a:1 b:3]map[a:2]",
        ),
        ("{{dig \"y\" \"z\" \"no\" .Values.map}} {{dig \"q\" \"no\" .Values.map}}", "deep no"),
        (
            "{{.Values.list | join \",\"}} {{splitList \",\" \"a,b\" | last}} {{(split \".\" \"x.y\")._1}}",
            "a,b,c b y",
        ),
        (
            "{{has \"b\" .Values.list}} {{without .Values.list \"a\"}} {{uniq (list 1 1 2)}} {{compact (list 0 1 \"\")}}",
            "true [b c] [1 2] [1]",
        ),
        (
            "{{concat .Values.list (list 1)}} {{slice .Values.list 1 2}} {{rest .Values.list}} {{initial .Values.list}} {{reverse .Values.list}}",
            "[a b c 1] [b] [b c] [a b] [c b a]",
        ),
        (
            "{{until 3}} {{untilStep 5 0 -2}} {{seq 1 3}} {{chunk 2 .Values.list}}",
            "[0 1 2] [5 3 1] 1 2 3 [[a b] [c]]",
        ),
        (
            "{{keys .Values.map | sortAlpha}} {{pick .Values.map \"x\"}} {{omit .Values.map \"y\"}} {{pluck \"x\" .Values.map}}",
            "[x y] map[x:1] map[x:1] [1]",
        ),
        (
            "{{trunc 2 \"abc\"}} {{trunc -2 \"abc\"}} {{substr 1 2 \"abc\"}} {{abbrev 5 \"hello world\"}} {{initials \"a b\"}} {{wrap 3 \"ab cd\"}}",
            "ab bc b he... ab ab\ncd",
        ),
        (
            "{{trimAll \"-\" \"--a--\"}} {{trimSuffix \"x\" \"ax\"}} {{replace \"a\" \"b\" \"aaa\"}} {{repeat 2 \"ab\"}} {{title \"a b\"}} {{cat 1 \"x\" nil}}",
            "a a bbb abab A B 1 x",
        ),
        (
            "{{ternary 1 2 true}} {{coalesce 0 \"\" 5}} {{default 7 0}} {{empty nil}} {{any 0 1}} {{all 0 1}}",
            "1 5 7 true true false",
        ),
        (
            "{{first (list)}}|{{rest (list) | toJson}}|{{list | toJson}}|{{concat (list) | toJson}}",
            "|null|[]|null",
        ),
    ]);
}

#[test]
fn numbers_types_and_encodings() {
    check(&[
        (
            "{{add 1 2 \"3\"}} {{sub 5 .Values.count}} {{mul 2 3}} {{mod 7 3}} {{max 1 5 2}} {{floor 1.7}} {{round 3.14159 2}} {{addf 0.1 0.2}}",
            "6 2 6 1 5 1 3.14 0.3",
        ),
        (
            "{{kindOf .Values}} {{typeOf .Values}} {{typeOf .Values.map}} {{kindOf 1}} {{typeOf (add 1 1)}} {{kindOf nil}} {{typeOf .Values.list}}",
            "map common.Values map[string]interface {} int int64 invalid []interface {}",
        ),
        (
            "{{b64enc \"a\"}} {{b64dec \"YQ==\"}} {{b64dec \"!\"}} {{b32enc \"a\"}} {{sha256sum \"a\" | trunc 8}} {{adler32sum \"a\"}}",
            "YQ== a illegal base64 data at input byte 0 ME====== ca978112 6422626",
        ),
        (
            "{{toJson .Values.map}} {{fromJson \"{\\\"a\\\":1}\"}} {{(fromJson \"x\").Error}}",
            "{\"x\":1,\"y\":{\"z\":\"deep\"}} map[a:1] invalid character 'x' looking for beginning of value",
        ),
        (
            "{{toYaml .Values.map}}|{{(fromYaml \"a: 1\").a}}|{{fromYamlArray \"- 1\\n- b\"}}",
            "x: 1\n\"y\":\n  z: deep|1|[1 b]",
        ),
        (
            "{{regexMatch \"^a+$\" \"aa\"}} {{regexReplaceAll \"(\\\\d)\" \"a1b2\" \"<${1}>\"}} {{regexFindAll \"[ab]\" \"abc\" -1}} {{regexSplit \",\" \"a,b\" -1}}",
            "true a<1>b<2> [a b] [a b]",
        ),
        (
            "{{semverCompare \">=1.2\" \"1.3.0\"}} {{(semver \"v1.2.3\").Minor}} {{semver \"1.2\"}}",
            "true 2 1.2.0",
        ),
        (
            "{{date \"2006-01-02\" 0}} {{dateInZone \"15:04\" 0 \"Europe/Paris\"}} {{(toDate \"2006-01-02\" \"2020-02-03\").Unix}} {{duration \"90\"}} {{now | unixEpoch}}",
            "1970-01-01 01:00 1580688000 1m30s 0",
        ),
        (
            "{{base \"a/b.c\"}} {{ext \"a/b.c\"}} {{dir \"a/b\"}} {{(urlParse \"http://h:1/p?q\").host}}",
            "b.c .c a h:1",
        ),
        (
            "{{.Values.AsMap | typeOf}} {{len .Values.list}} {{len \"é\"}} {{index .Values.map \"y\" \"z\"}} {{html \"<\"}} {{urlquery \"a b\"}}",
            "map[string]interface {} 3 2 deep &lt; a+b",
        ),
    ]);
}

#[test]
fn printf_knows_go_s_verbs() {
    check(&[
        (
            r#"{{printf "%v|%+v|%#v|%T" .Values.map .Values.list .Values.list .Values.name}}"#,
            r#"map[x:1 y:map[z:deep]]|[a b c]|[]interface {}{"a", "b", "c"}|string"#,
        ),
        (
            r#"{{printf "%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c|%U|%q" 42 42 42 42 255 255 8 5 65 65 65}}"#,
            "   42|42   |00042|+42|ff|FF|10|101|A|U+0041|'A'",
        ),
        (
            r#"{{printf "%8.3f|%e|%g|%.2f|%6.1f|%-8.2f|" 3.14159 1234.5 0.00001 2.0 -1.25 1.5}}"#,
            "   3.142|1.234500e+03|1e-05|2.00|  -1.2|1.50    |",
        ),
        (
            r#"{{printf "%s|%10s|%-10s|%q|%x|%.2s|%t|%%" "a" "b" "c" "d\n" "hi" "xyz" true}}"#,
            "a|         b|c         |\"d\\n\"|6869|xy|true|%",
        ),
        (r#"{{printf "%d|%s|%z|%!" "x" 1 2}}"#, "%!d(string=x)|%!s(int=1)|%!z(int=2)|%!!(MISSING)"),
        (
            r#"{{printf "%d %d" 1}}|{{printf "%d" 1 2}}|{{printf "%[2]d %[1]d" 1 2}}|{{printf "%*d" 5 1}}|{{printf "%[3]d" 1}}"#,
            "1 %!d(MISSING)|1%!(EXTRA int=2)|2 1|    1|%!d(BADINDEX)",
        ),
        (r#"{{printf "%s %d %v" nil nil nil}}"#, "%!s(<nil>) %!d(<nil>) <nil>"),
        (
            r#"{{printf "%s" .Values.nums}} {{printf "%d" .Values.nums}}"#,
            "[%!s(float64=1) %!s(float64=2) %!s(float64=3)] [%!d(float64=1) %!d(float64=2) %!d(float64=3)]",
        ),
        (r#"{{print 1 2 "a" 3 nil}}|{{println "a" 1}}"#, "1 2a3 <nil>|a 1\n"),
    ]);
}

#[test]
fn include_and_tpl_see_what_helm_lets_them_see() {
    let files = [
        (
            "c/templates/_h.tpl",
            "{{define \"h\"}}[{{.}}]{{end}}{{define \"outer\"}}{{include \"h\" .}}{{end}}",
        ),
        (
            "t",
            "{{include \"h\" 1 | upper}}{{tpl \"{{.}}{{include \\\"outer\\\" .}}\" \"x\"}}{{tpl \"{{define \\\"h\\\"}}new{{end}}{{include \\\"outer\\\" 1}}\" .}}{{include \"h\" 2}}{{tpl \"plain\" .}}[{{tpl \"{{.nope}}\" (dict)}}]",
        ),
    ];
    let output = render_with(&files, "t", &ExecEnv::default()).unwrap();
    assert_eq!(&*output.text, "[1]x[x]new[2]plain[]");
}

#[test]
fn errors_look_as_helm_shows_them() {
    let shown = |text: &str| {
        let files = [("_h", "{{define \"h\"}}\n{{.a.b}}{{end}}"), ("t", text)];
        render_with(&files, "t", &ExecEnv::default()).unwrap_err().to_string()
    };
    assert_eq!(
        shown("{{include \"h\" (dict)}}"),
        "t:1:2\n  executing \"t\" at <include \"h\" (dict)>:\n    error calling include:\n\
         _h:2:4\n  executing \"h\" at <.a.b>:\n    nil pointer evaluating interface {}.b"
    );
    assert_eq!(shown("{{required \"give it\" .Values.missing}}"), "execution error at (t:1:2): give it");
    assert_eq!(shown("{{fail \"no\"}}"), "execution error at (t:1:2): no");
    assert_eq!(
        shown("{{include \"nope\" .}}"),
        "t:1:2\n  executing \"t\" at <include \"nope\" .>:\n    error calling include:\n\
         template: no template \"nope\" associated with template \"gotpl\""
    );
    assert_eq!(shown("{{if}}"), "parse error at (t:1): missing value for if");
    assert_eq!(
        shown("{{tpl \"{{\" .}}"),
        "template: t:1:2: executing \"t\" at <tpl \"{{\" .>: error calling tpl: cannot parse template \"{{\": \
         template: gotpl:1: unclosed action"
    );
}

#[test]
fn a_change_of_the_values_is_seen_by_the_next_template_of_the_release() {
    let mut set = TemplateSet::new();
    set.add("a", "{{$_ := set .Values \"seen\" \"yes\"}}").unwrap();
    set.add("b", "{{.Values.seen}}").unwrap();
    let env = ExecEnv::default();
    let mut renderer = set.renderer(&env);
    let root = values();
    renderer.execute("a", root.clone()).unwrap();
    assert_eq!(&*renderer.execute("b", root).unwrap().text, "yes");
}

#[test]
fn random_values_follow_the_seed_and_are_reported() {
    let text = "{{randAlphaNum 12}} {{uuidv4}}";
    let run = |seed: u8| {
        render_with(&[("t", text)], "t", &ExecEnv { seed: [seed; 32], ..ExecEnv::default() }).unwrap()
    };
    assert_eq!(run(1).text, run(1).text);
    assert_ne!(run(1).text, run(2).text);
    assert!(run(1).nondeterministic);
    assert!(
        !render_with(&[("t", "{{date \"2006\" 0}}")], "t", &ExecEnv::default()).unwrap().nondeterministic
    );
}

#[test]
fn strict_and_lint_change_what_is_missing() {
    let strict = ExecEnv { strict: true, ..ExecEnv::default() };
    let error = render_with(&[("t", "{{.Values.missing}}")], "t", &strict).unwrap_err();
    assert_eq!(
        error.raw(),
        "template: t:1:9: executing \"t\" at <.Values.missing>: map has no entry for key \"missing\""
    );
    let lint = ExecEnv { lint: true, ..ExecEnv::default() };
    assert_eq!(
        &*render_with(&[("t", "[{{fail \"x\"}}{{required \"y\" nil}}]")], "t", &lint).unwrap().text,
        "[]"
    );
}

#[test]
fn no_chart_takes_longer_than_it_may() {
    /// A second later each time that it is asked.
    fn clock() -> Duration {
        static SECONDS: AtomicU64 = AtomicU64::new(0);
        Duration::from_secs(SECONDS.fetch_add(1, Ordering::Relaxed))
    }
    let time = Some(crate::helm::limits::TimeLimit { clock, limit: Duration::from_secs(2) });
    let limits = Limits { time, ..Limits::default() };
    let env = ExecEnv { limits, ..ExecEnv::default() };
    let error = render_with(&[("t", "{{range 1000000}}{{end}}")], "t", &env).unwrap_err().to_string();
    assert!(error.contains("longer than the limit of 2s"), "{error}");
}

#[test]
fn no_template_runs_without_end_or_bound() {
    let small = Limits { steps: 200_000, string_bytes: 1 << 20, output_bytes: 1 << 20, ..Limits::default() };
    let env = ExecEnv { limits: small, ..ExecEnv::default() };
    let files = |text: &str| {
        vec![
            (
                "_r",
                "{{define \"r\"}}{{include \"r\" .}}{{end}}{{define \"t2\"}}{{template \"t2\" .}}{{end}}"
                    .to_owned(),
            ),
            ("t", text.to_owned()),
        ]
    };
    for (text, limit) in [
        (
            "{{include \"r\" .}}",
            "rendering template has a nested reference name: r: unable to execute template",
        ),
        ("{{template \"t2\" .}}", "exceeded maximum template depth"),
        ("{{range 100000000000}}{{end}}", "limit of 200000 steps"),
        ("{{repeat 1000000000 \"ab\"}}", "limit of 1048576 bytes"),
        ("{{until 1000000000}}", "limit of 1000000 elements"),
        ("{{$x := \"ab\"}}{{range 100}}{{$x = print $x $x}}{{end}}", "limit of"),
        ("{{$x := list 1}}{{range 100}}{{$x = list $x $x}}{{end}}{{toYaml $x}}", "limit of"),
        ("{{$x := list 1}}{{range 100}}{{$x = list $x $x}}{{end}}{{$x}}", "limit of"),
        ("{{$d := dict}}{{$_ := set $d \"d\" $d}}{{toJson $d}}", "nested deeper than the limit"),
        ("{{$d := dict}}{{$_ := set $d \"d\" $d}}{{$d}}", "nested deeper than the limit"),
        ("{{$t := \"{{tpl .t .}}\"}}{{tpl $t (dict \"t\" $t)}}", "exceeded maximum template depth"),
        ("{{range 10000}}{{repeat 1000 \"x\"}}{{end}}", "the output is larger than the limit"),
        ("{{printf \"%1000000d%1000000d\" 1 2}}", "limit of"),
    ] {
        let mut set = TemplateSet::new();
        for (name, text) in files(text) {
            set.add(name, &text).unwrap();
        }
        let error = set.execute("t", values(), &env).unwrap_err();
        assert!(error.raw().contains(limit), "{text}: {:.300}", error.raw());
    }
}

#[test]
fn each_line_of_the_output_knows_its_template_and_its_values() {
    let values = Map::new();
    values.insert_at("name", "web", OriginId(7));
    let resources = Map::new();
    let limits = Map::new();
    limits.insert_at("cpu", "1", OriginId(21));
    limits.insert_at("memory", "3Gi", OriginId(22));
    resources.insert_at("limits", limits, OriginId(20));
    values.insert_at("resources", resources, OriginId(19));
    values.insert_at("text", "a: {{ .Values.name }}", OriginId(30));
    let root = Map::new();
    root.insert("Values", values);
    let mut set = TemplateSet::new();
    set.add("_l", "{{define \"labels\"}}app: x\nname: {{ .Values.name }}{{end}}").unwrap();
    set.add(
        "t",
        "kind: A\nlabels:\n  {{- include \"labels\" . | nindent 2 }}\nresources:\n  {{- toYaml .Values.resources | nindent 2 }}\n{{ tpl .Values.text . }}\n",
    )
    .unwrap();
    let env = ExecEnv { origins: true, ..ExecEnv::default() };
    let output = set.execute("t", root.into(), &env).unwrap();
    let about = |needle: &str| {
        let at = output.text.find(needle).unwrap_or_else(|| panic!("{needle} in {}", output.text));
        let span = output.written.spans(at, at + 1).pop().unwrap();
        (span.template.to_string(), span.line, span.values.iter().map(|id| id.0).collect::<Vec<_>>())
    };
    assert_eq!(about("kind"), ("t".to_owned(), 1, vec![]));
    assert_eq!(about("app: x"), ("_l".to_owned(), 1, vec![]));
    assert_eq!(about("web"), ("_l".to_owned(), 2, vec![7]));
    assert_eq!(about("memory: 3Gi"), ("t".to_owned(), 5, vec![22]));
    assert_eq!(about("limits:"), ("t".to_owned(), 5, vec![20]));
    assert_eq!(about("a: web"), ("t".to_owned(), 6, vec![30]));
    let plain = set.execute("_l", Value::Nil, &ExecEnv::default()).unwrap();
    assert!(plain.written.is_empty());
}

#[test]
fn parsed_templates_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<TemplateSet>();
}

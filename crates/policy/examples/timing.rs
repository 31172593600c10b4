use std::time::Instant;
use strongroom_policy::vocabulary::AwsServices;
use strongroom_policy::{Document, Kind, public, wildcard_match};
fn main() {
    let owner = strongroom_types::AccountId::parse("111122223333").unwrap();
    let vars: String = (0..700).map(|i| format!("${{aws:PrincipalTag/{i:x}}}")).collect();
    let stars = "*a".repeat(9000);
    let patterns = (0..1400).map(|i| format!("\"s3:*{i:x}*\"")).collect::<Vec<_>>().join(",");
    let one = |a: &str, r: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Principal":"*","Resource":{r},"Action":{a},"Effect":"Allow"}}]}}"#);
    let deny = |n: usize, effect: &str| format!(r#"{{"Principal":"*","Resource":"arn:aws:s3:::b/*{n}*a?b*{n}","Action":"s3:*{n}*","Effect":"{effect}","Condition":{{"StringLike":{{"aws:Referer":"*a{}b*"}},"NumericLessThan":{{"s3:max-keys":{n}}}}}}}"#, "?".repeat(n % 20));
    let denials = (0..45).map(|n| deny(n, "Deny")).collect::<Vec<_>>().join(",");
    let allow = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Allow","Condition":{"StringLike":{"aws:Referer":"*a*"}}}"#;
    let closed = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Deny","Condition":{"StringLike":{"aws:Referer":["*b*","*a?*","a","*xa"]},"StringNotLike":{"aws:UserAgent":["*a???????????????b","*c???????????????d"]}}}"#;
    let shut = r#"{"Principal":"*","Resource":"*","Action":"s3:*","Effect":"Deny"}"#;
    let many = (0..20).map(|n| deny(n, "Allow")).collect::<Vec<_>>().join(",");
    let all = |s: String| format!(r#"{{"Version":"2012-10-17","Statement":[{s}]}}"#);
    let mixed = (0..150).map(|n| deny(n, "Deny")).collect::<Vec<_>>().join(",");
    let tagged = (0..60).map(|i| format!(r#"{{"Principal":"*","Resource":"arn:aws:s3:::b/${{aws:PrincipalTag/{i}}}/*{i}*","Action":"s3:*{i}*","Effect":"{}","Condition":{{"StringLike":{{"aws:PrincipalTag/{i}":"*{i}?*","aws:PrincipalTag/{}":"${{aws:PrincipalTag/{}}}"}}}}}}"#, if i%2==0 {"Allow"} else {"Deny"}, i+1, i+2)).collect::<Vec<_>>().join(",");
    let actions = |n: usize| (0..n).map(|i| format!("\"s3:*{:x}*\"", i)).collect::<Vec<_>>().join(",");
    let docs = [
        ("700 variables", one(r#""s3:*""#, &format!("\"arn:aws:s3:::b/{vars}\""))),
        ("700 variables twice", one(r#""s3:*""#, &format!("\"arn:aws:s3:::b/{vars}\"")).replace("[{", r#"[{"Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/1}","Effect":"Deny"},{"#)),
        ("9000 *a", one(&format!("\"s3:{stars}\""), "\"arn:aws:s3:::b/*\"")),
        ("1400 patterns", one(&format!("[{patterns}]"), "\"arn:aws:s3:::b/*\"")),
        ("not 1400 patterns", one(&format!("[{patterns}]"), "\"arn:aws:s3:::b/*\"").replace("\"Action\"", "\"NotAction\"")),
        ("700 denied of 700", all(format!(r#"{{"Principal":"*","Resource":"*","Action":[{0}],"Effect":"Allow"}},{{"Principal":"*","Resource":"*","Action":[{0}],"Effect":"Deny"}}"#, actions(700)))),
        ("intricate", all([allow, &denials, closed].join(","))),
        ("many", all([many, denials.clone(), shut.to_owned()].join(","))),
        ("100 denials", all([allow.to_owned(), (0..75).map(|n| deny(n, "Deny")).collect::<Vec<_>>().join(","), shut.to_owned()].join(","))),
        ("tagged", all(tagged)),
    ];
    let _ = mixed;
    for (name, text) in docs {
        let document = match Document::parse(text.as_bytes(), Kind::Bucket) { Ok(d) => d, Err(e) => { println!("{name}: {e}"); continue } };
        let at = Instant::now();
        let found = public::assess(&document, owner);
        let assessed = at.elapsed();
        let at = Instant::now();
        let n = document.findings(&AwsServices).len();
        let reach = found.as_ref().and_then(|e| e.by_reach.as_ref()).map(|r| r.witness.is_some());
        println!("{name}: {} bytes, assess {assessed:?} (witness {reach:?}), findings {n} {:?}", text.len(), at.elapsed());
    }
    for (name, pattern, text) in [
        ("hostile ?", format!("*{}b*", "?".repeat(450)), "a".repeat(990)),
        ("hostile a?", format!("*{}b*", "a?".repeat(225)), "a".repeat(990)),
        ("hostile a* ?", format!("*{}b*", "a*?".repeat(225)), "a".repeat(990)),
        ("short ?", "*????b".into(), "a".repeat(990)),
        ("umlaut", format!("*{}b*", "ä?".repeat(120)), "ä".repeat(490)),
        ("common middle", "home/*/reports/*.pdf".into(), "home/ann/12/reports/2026/november.pdf".into()),
        ("common ?", "logs/20??/*/x".into(), "logs/2026/11/26/a/b/x".into()),
        ("common two stars", "*home*".into(), "shared/of/all/people/home/ann".into()),
        ("common miss", "*/private/*".into(), "shared/of/all/people/home/ann/12/report.pdf".into()),
        ("common non-ascii", "*/büro/*?".into(), "shared/ä/ö/people/büro/ann/12/report.pdf".into()),
    ] {
        let mut best = std::time::Duration::MAX;
        let m = 200;
        for _ in 0..30 {
            let at = Instant::now();
            for _ in 0..m { std::hint::black_box(wildcard_match(std::hint::black_box(&pattern), std::hint::black_box(&text))); }
            best = best.min(at.elapsed() / m);
            if best > std::time::Duration::from_micros(200) { break }
        }
        println!("{name}: {best:?} {}", wildcard_match(&pattern, &text));
    }
}

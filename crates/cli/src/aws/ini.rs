//! The two shared files: sections of names and values.

/// The sections of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Profiles(Vec<Section>);

#[derive(Default, Clone, PartialEq, Eq)]
struct Section {
    title: String,
    values: Vec<(String, String)>,
}

impl std::fmt::Debug for Section {
    /// The values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.title)
    }
}

impl Profiles {
    /// Reads a file. Lines that are neither title nor pair are passed over, as AWS's tools do; indented lines belong to
    /// the nested settings of the name above them, of which none is ours.
    pub(super) fn parse(text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            let is_nested = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) || is_nested {
                continue;
            }
            if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                let title = title.0.split_whitespace().collect::<Vec<_>>().join(" ");
                sections.push(Section { title, values: Vec::new() });
            } else if let (Some(section), Some((name, value))) = (sections.last_mut(), line.split_once('=')) {
                section.values.push((name.trim().to_ascii_lowercase(), without_comment(value).to_owned()));
            }
        }
        Self(sections)
    }

    /// A value of a profile in the file `config`: `[profile NAME]`, or `[default]`.
    pub(super) fn config(&self, profile: &str, name: &str) -> Option<&str> {
        let titled = format!("profile {profile}");
        self.value(name, |title| title == titled || (profile == "default" && title == "default"))
    }

    /// A value of a profile in the file `credentials`: `[NAME]`.
    pub(super) fn credentials(&self, profile: &str, name: &str) -> Option<&str> {
        self.value(name, |title| title == profile)
    }

    /// The last one counts.
    fn value(&self, name: &str, is_ours: impl Fn(&str) -> bool) -> Option<&str> {
        let values =
            self.0.iter().filter(|section| is_ours(&section.title)).flat_map(|section| &section.values);
        values
            .filter(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
            .rfind(|value| !value.is_empty())
    }
}

/// A comment behind a value stands after white space.
fn without_comment(value: &str) -> &str {
    let comment = value
        .match_indices(['#', ';'])
        .find(|(at, _)| value.get(..*at).is_some_and(|text| text.ends_with([' ', '\t'])));
    comment.map_or(value, |(at, _)| value.get(..at).unwrap_or(value)).trim()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn profiles_are_titled_differently_in_the_two_files() {
        let file = Profiles::parse("[ profile  a ]\nx=1\n[a]\nx=2\n[default]\nx = 3 # three\n");
        assert_eq!(file.config("a", "x"), Some("1"));
        assert_eq!(file.credentials("a", "x"), Some("2"));
        assert_eq!(file.config("default", "x"), Some("3"));
        assert_eq!(file.config("b", "x"), None);
    }

    #[test]
    fn nested_settings_and_comments_are_not_taken_for_values() {
        let text = "x=0\n[default]\n# x = 1\ns3 =\n  x = 2\n\tx = 3\nno pair\ny = a#b;c\nX = 4\n";
        let file = Profiles::parse(text);
        assert_eq!(file.config("default", "x"), Some("4"));
        assert_eq!(file.config("default", "y"), Some("a#b;c"), "a secret may hold a mark");
        assert_eq!(file.config("default", "s3"), None);
    }

    #[test]
    fn debug_shows_no_values() {
        assert!(!format!("{:?}", Profiles::parse("[a]\nsecret = hunter2")).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(\\[[a-z ]{0,5}\\]|[a-z =#;\u{e9}]{0,9}|\n){0,12}") {
            let file = Profiles::parse(&text);
            prop_assert!(file.config("default", "x").is_none_or(|value| !value.is_empty()));
        }
    }
}

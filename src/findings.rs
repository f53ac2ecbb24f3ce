//! What was looked at, and what came out: the tables of `doctor` and `check`.

use std::fmt;

use console::{Style, style};
use serde::Serialize;

/// What came out of looking at one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Good,
    /// It was not looked at.
    LeftOut,
    /// It works, and something should be done about it.
    Doubtful,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What belongs together.
    pub group: &'static str,
    /// What it is about.
    pub name: String,
    /// How it is.
    pub outcome: Outcome,
    /// What was seen, or why it was not looked at.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Findings(pub Vec<Finding>);

impl Finding {
    /// As it should be.
    pub fn good(group: &'static str, name: &str, detail: impl Into<String>) -> Self {
        let (name, detail) = (name.to_owned(), detail.into());
        Self { group, name, outcome: Outcome::Good, detail, advice: None }
    }

    /// Not looked at, and why.
    pub fn left_out(group: &'static str, name: &str, why: impl Into<String>) -> Self {
        Self { outcome: Outcome::LeftOut, ..Self::good(group, name, why) }
    }

    /// It works, and something should be done.
    pub fn doubtful(
        group: &'static str,
        name: &str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { outcome: Outcome::Doubtful, advice, ..Self::good(group, name, detail) }
    }

    /// It does not work.
    pub fn bad(
        group: &'static str,
        name: &str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { outcome: Outcome::Bad, ..Self::doubtful(group, name, detail, advice) }
    }
}

impl Findings {
    /// With the findings of a group together, where its first one stood.
    pub fn by_group(mut self) -> Self {
        let groups: Vec<_> = self.0.iter().map(|finding| finding.group).collect();
        self.0.sort_by_key(|finding| groups.iter().position(|group| *group == finding.group));
        self
    }

    /// How many came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|finding| finding.outcome == outcome).count()
    }
}

impl fmt::Display for Findings {
    /// A group's name, then a line for each of its findings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
        let mut group = "";
        for finding in &self.0 {
            if finding.group != group {
                group = finding.group;
                writeln!(f, "{}", style(group).bold())?;
            }
            let (mark, look) = match finding.outcome {
                Outcome::Good => ("ok", Style::new().green()),
                Outcome::LeftOut => ("--", Style::new().dim()),
                Outcome::Doubtful => ("!!", Style::new().yellow()),
                Outcome::Bad => ("NO", Style::new().red().bold()),
            };
            let mut lines = finding.detail.lines();
            let first = lines.next().unwrap_or_default();
            let row = format!("  {}  {:<width$}  {first}", look.apply_to(mark), finding.name);
            writeln!(f, "{}", row.trim_end())?;
            let indent = " ".repeat(width + 8);
            for line in lines {
                writeln!(f, "{indent}{line}")?;
            }
            if let Some(advice) = &finding.advice {
                writeln!(f, "{indent}{} {advice}", style("->").bold())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_groups_marks_and_advice() {
        console::set_colors_enabled(false);
        let findings = Findings(vec![
            Finding::good("Machine", "memory", "8 GiB"),
            Finding::bad("Machine", "clock", "1970", "set it"),
            Finding::left_out("Redis", "ping", "no archive names one"),
        ]);
        let expected = "Machine\n  ok  memory  8 GiB\n  NO  clock   1970\n              -> set it\n\
                        Redis\n  --  ping    no archive names one\n";
        assert_eq!(findings.to_string(), expected);
        assert_eq!(findings.count(Outcome::Bad), 1);
    }
}

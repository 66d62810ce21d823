//! What an engine says while it builds: lines by its classic builder, the state of a graph by BuildKit.

use std::collections::BTreeMap;

use bollard::{
    moby::buildkit::v1::{StatusResponse, Vertex},
    models::{BuildInfo, BuildInfoAux},
};

/// Turns messages into lines for people, and counts.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The part of a line that has come so far, of the classic builder and of each of BuildKit's steps.
    unfinished: BTreeMap<String, String>,
    classic: Steps,
    /// BuildKit's steps, by their digest.
    steps: BTreeMap<String, Step>,
}

/// How many steps there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) all: usize,
    /// Of them, those that the engine took from its cache.
    pub(super) cached: usize,
}

#[derive(Debug, Default)]
struct Step {
    told: bool,
    cached: bool,
    /// Why it failed.
    error: String,
}

impl Progress {
    /// The complete lines that a message brings.
    pub(super) fn lines(&mut self, message: BuildInfo) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(BuildInfoAux::BuildKit(status)) = message.aux {
            self.follow(status, &mut lines);
        }
        let text = message.stream.or(message.status).unwrap_or_default();
        let told = self.complete("", &text);
        for line in &told {
            self.classic.count(line);
        }
        lines.extend(told);
        lines.retain(|line| !line.trim().is_empty());
        lines
    }

    fn follow(&mut self, status: StatusResponse, lines: &mut Vec<String>) {
        for vertex in status.vertexes.into_iter().filter(is_step) {
            let step = self.steps.entry(vertex.digest).or_default();
            step.cached |= vertex.cached;
            step.error = vertex.error;
            // One that is cached is started too.
            if vertex.started.is_some() && !step.told {
                step.told = true;
                let cached = if vertex.cached { "  (cached)" } else { "" };
                lines.push(format!("{}{cached}", vertex.name));
            }
        }
        for log in status.logs {
            let text = String::from_utf8_lossy(&log.msg);
            lines.extend(self.complete(&log.vertex, &text));
        }
    }

    /// Adds text to what came of the same source, and takes the lines that are complete.
    fn complete(&mut self, source: &str, text: &str) -> Vec<String> {
        let unfinished = self.unfinished.entry(source.to_owned()).or_default();
        unfinished.push_str(text);
        let mut lines = Vec::new();
        while let Some((line, rest)) = unfinished.split_once('\n') {
            lines.push(line.trim_end().to_owned());
            *unfinished = rest.to_owned();
        }
        lines
    }

    /// How many steps there were, for information only.
    pub(super) fn steps(&self) -> Steps {
        let told = || self.steps.values().filter(|step| step.told);
        Steps {
            all: self.classic.all + told().count(),
            cached: self.classic.cached + told().filter(|step| step.cached).count(),
        }
    }

    /// Why BuildKit's first step that failed did.
    pub(super) fn error(&self) -> Option<&str> {
        let mut errors = self.steps.values().map(|step| step.error.as_str());
        errors.find(|error| !error.is_empty())
    }
}

impl Steps {
    /// Counts by the classic builder's own lines.
    fn count(&mut self, line: &str) {
        if line.starts_with("Step ") {
            self.all += 1;
        } else if line.trim() == "---> Using cache" {
            self.cached += 1;
        }
    }
}

/// Steps of the Dockerfile are named `[stage 2/7] RUN …`; others are the builder's own, such as reading the Dockerfile.
fn is_step(vertex: &Vertex) -> bool {
    vertex.name.starts_with('[') && !vertex.name.starts_with("[internal]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::moby::buildkit::v1::VertexLog;

    fn message(vertexes: Vec<Vertex>, logs: Vec<(&str, &str)>) -> BuildInfo {
        let log = |(vertex, text): (&str, &str)| VertexLog {
            vertex: vertex.to_owned(),
            msg: text.as_bytes().to_vec(),
            ..VertexLog::default()
        };
        let status = StatusResponse {
            vertexes,
            logs: logs.into_iter().map(log).collect(),
            ..StatusResponse::default()
        };
        BuildInfo {
            aux: Some(BuildInfoAux::BuildKit(status)),
            ..BuildInfo::default()
        }
    }

    fn vertex(digest: &str, name: &str, started: bool, cached: bool) -> Vertex {
        Vertex {
            digest: digest.to_owned(),
            name: name.to_owned(),
            started: started.then(Default::default),
            cached,
            ..Vertex::default()
        }
    }

    #[test]
    fn a_step_is_told_once_and_its_lines_when_they_are_complete() {
        let mut progress = Progress::default();
        let waiting = message(vec![vertex("a", "[build 1/2] RUN x", false, false)], vec![]);
        assert_eq!(progress.lines(waiting), Vec::<String>::new());
        let begun = vec![
            vertex("a", "[build 1/2] RUN x", true, false),
            vertex("b", "[internal] load", true, false),
            vertex("c", "[build 2/2] COPY y", true, true),
        ];
        let told = progress.lines(message(begun, vec![("a", "one\ntw")]));
        assert_eq!(
            told,
            ["[build 1/2] RUN x", "[build 2/2] COPY y  (cached)", "one"]
        );
        let again = vec![vertex("a", "[build 1/2] RUN x", true, false)];
        let told = progress.lines(message(again, vec![("d", "other\n"), ("a", "o\r\n")]));
        assert_eq!(told, ["other", "two"]);
        assert_eq!(progress.steps(), Steps { all: 2, cached: 1 });
    }

    #[test]
    fn the_classic_builders_lines_are_told_and_counted() {
        let mut progress = Progress::default();
        let mut told = Vec::new();
        for text in [
            "Step 1/2 : FROM x\n",
            " ---> Using ca",
            "che\nStep 2/2",
            " : RUN y\n",
        ] {
            told.extend(progress.lines(BuildInfo {
                stream: Some(text.to_owned()),
                ..BuildInfo::default()
            }));
        }
        let lines = ["Step 1/2 : FROM x", " ---> Using cache", "Step 2/2 : RUN y"];
        assert_eq!(told, lines);
        assert_eq!(progress.steps(), Steps { all: 2, cached: 1 });
    }
}

//! A throw-away container of the base image, whose apt knows Debian's archive.

use bollard::{
    Docker,
    container::LogOutput,
    exec::StartExecResults,
    models::{ContainerCreateBody, ExecConfig, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
        UploadToContainerOptionsBuilder,
    },
};
use futures::StreamExt;

/// Seconds after which a container that nobody removed ends, and goes, by itself.
const LIFETIME: &str = "900";

/// The container. Whoever starts one calls [`Self::remove`].
pub(super) struct Base<'a> {
    docker: &'a Docker,
    id: String,
}

impl<'a> Base<'a> {
    /// Starts one, for `platform` (`linux/arm64`) if not the engine's own. It does nothing until it is told to, and goes after
    /// 15 minutes if a crash leaves it.
    ///
    /// # Errors
    /// The engine's, in words.
    pub(super) async fn start(
        docker: &'a Docker,
        image: &str,
        platform: Option<&str>,
    ) -> Result<Self, String> {
        let failed = |error: bollard::errors::Error| {
            format!(
                "starting a container of the base image {image}, whose apt knows Debian's archive: {error}"
            )
        };
        let options = platform.map(|platform| {
            CreateContainerOptionsBuilder::default()
                .platform(platform)
                .build()
        });
        let created = docker
            .create_container(
                options,
                ContainerCreateBody {
                    image: Some(image.to_owned()),
                    cmd: Some(vec!["sleep".to_owned(), LIFETIME.to_owned()]),
                    host_config: Some(HostConfig {
                        auto_remove: Some(true),
                        ..HostConfig::default()
                    }),
                    ..ContainerCreateBody::default()
                },
            )
            .await
            .map_err(failed)?;
        docker
            .start_container(&created.id, None)
            .await
            .map_err(failed)?;
        Ok(Self {
            docker,
            id: created.id,
        })
    }

    /// Ends and removes it. It goes by itself in the end, so a failure is of no matter.
    pub(super) async fn remove(self) {
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        let _ = self.docker.remove_container(&self.id, Some(options)).await;
    }

    /// Puts files (name and content) into a folder that is there, over what has their names.
    ///
    /// # Errors
    /// The engine's, in words.
    pub(super) async fn lay(&self, folder: &str, files: &[(&str, &str)]) -> Result<(), String> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, name, content.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        let archive = archive.into_inner().map_err(|error| error.to_string())?;
        let options = UploadToContainerOptionsBuilder::default()
            .path(folder)
            .build();
        self.docker
            .upload_to_container(&self.id, Some(options), bollard::body_full(archive.into()))
            .await
            .map_err(|error| format!("putting files into a container's {folder}: {error}"))
    }

    /// A command's standard output.
    ///
    /// # Errors
    /// The engine's, or how the command ended and what it wrote to standard error.
    pub(super) async fn run(&self, command: &[&str]) -> Result<String, String> {
        let name = command
            .iter()
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        let failed = |error: bollard::errors::Error| format!("running {name}: {error}");
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(vec![
                "LC_ALL=C".to_owned(),
                "DEBIAN_FRONTEND=noninteractive".to_owned(),
            ]),
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
            ..ExecConfig::default()
        };
        let exec = self
            .docker
            .create_exec(&self.id, config)
            .await
            .map_err(failed)?;
        let started = self
            .docker
            .start_exec(&exec.id, None)
            .await
            .map_err(failed)?;
        let StartExecResults::Attached { mut output, .. } = started else {
            return Err(format!("running {name}: the engine did not attach to it"));
        };
        let (mut out, mut words) = (Vec::new(), Vec::new());
        while let Some(chunk) = output.next().await {
            match chunk.map_err(failed)? {
                LogOutput::StdOut { message } | LogOutput::Console { message } => {
                    out.extend_from_slice(&message);
                }
                LogOutput::StdErr { message } => words.extend_from_slice(&message),
                LogOutput::StdIn { .. } => {}
            }
        }
        let ended = self.docker.inspect_exec(&exec.id).await.map_err(failed)?;
        match ended.exit_code {
            Some(0) => Ok(String::from_utf8_lossy(&out).into_owned()),
            code => Err(format!(
                "{name} ended with {}: {}",
                code.unwrap_or(-1),
                String::from_utf8_lossy(&words).trim().replace('\n', " / ")
            )),
        }
    }
}

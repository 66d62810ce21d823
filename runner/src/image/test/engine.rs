//! What a test makes in the Docker engine, and that all of it goes again.
//!
//! Everything carries the label [`LABEL`] with the run's id. A run holds the lock of a file named after that id; the next
//! run removes what carries an id whose lock is free. The networks lead nowhere: what is tested reaches its database and
//! itself.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use bollard::{
    Docker,
    container::LogOutput,
    errors::Error,
    exec::StartExecResults,
    models::{
        ContainerCreateBody, EndpointSettings, ExecConfig, HostConfig, NetworkCreateRequest,
        NetworkingConfig, VolumeCreateRequest,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
        ListVolumesOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
        RemoveVolumeOptionsBuilder,
    },
};
use futures::StreamExt;

use super::super::{ImageError, build::connect};
use crate::output::narrate;

/// Names the run that something belongs to.
const LABEL: &str = "bbws.image-test";

/// The engine, and the id of a run.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    pub(super) id: String,
    /// Held until the end of the process, however it ends.
    _alive: File,
}

impl Engine {
    /// Connects, and removes what runs left that were killed.
    pub(super) async fn connect() -> Result<Self, ImageError> {
        let docker = connect().await?;
        let id = hex::encode(rand::random::<[u8; 4]>());
        let path = lock_of(&id);
        let attempt = format!("locking {}", path.display());
        let alive = File::create(&path).map_err(ImageError::io(&attempt))?;
        alive.lock().map_err(ImageError::io(&attempt))?;
        let engine = Self {
            docker,
            id,
            _alive: alive,
        };
        engine.remove_leftovers().await?;
        Ok(engine)
    }

    fn name(&self, what: &str) -> String {
        format!("bbws-image-test-{}-{what}", self.id)
    }

    fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(LABEL.to_owned(), self.id.clone())])
    }

    /// Makes a network; returns its name.
    pub(super) async fn network(&self, what: &str) -> Result<String, ImageError> {
        let name = self.name(what);
        let request = NetworkCreateRequest {
            name: name.clone(),
            internal: Some(true),
            labels: Some(self.labels()),
            ..NetworkCreateRequest::default()
        };
        let made = self.docker.create_network(request).await;
        made.map_err(ImageError::docker(format_args!(
            "making the network {name}"
        )))?;
        Ok(name)
    }

    /// Makes a volume; returns its name.
    pub(super) async fn volume(&self, what: &str) -> Result<String, ImageError> {
        let name = self.name(what);
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(self.labels()),
            ..VolumeCreateRequest::default()
        };
        let made = self.docker.create_volume(request).await;
        made.map_err(ImageError::docker(format_args!("making the volume {name}")))?;
        Ok(name)
    }

    /// Makes and starts a container on `network`, known there as `alias`; returns its name.
    pub(super) async fn start(
        &self,
        what: &str,
        (network, alias): (&str, &str),
        mut body: ContainerCreateBody,
        mut host: HostConfig,
    ) -> Result<String, ImageError> {
        let name = self.name(what);
        let endpoint = EndpointSettings {
            aliases: Some(vec![alias.to_owned()]),
            ..EndpointSettings::default()
        };
        host.network_mode = Some(network.to_owned());
        body.host_config = Some(host);
        body.networking_config = Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.to_owned(), endpoint)])),
        });
        self.create(&name, body).await?;
        let started = self.docker.start_container(&name, None).await;
        started.map_err(ImageError::docker(format_args!("starting {name}")))?;
        Ok(name)
    }

    /// Makes a container of an image that never starts, to look into; returns its name.
    pub(super) async fn open(&self, what: &str, image: &str) -> Result<String, ImageError> {
        let name = self.name(what);
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec!["never-started".to_owned()]),
            ..ContainerCreateBody::default()
        };
        self.create(&name, body).await?;
        Ok(name)
    }

    async fn create(&self, name: &str, mut body: ContainerCreateBody) -> Result<(), ImageError> {
        body.labels = Some(self.labels());
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        match self.docker.create_container(Some(options), body).await {
            Err(Error::DockerResponseServerError {
                status_code: 404,
                message,
            }) => Err(ImageError::NotBuilt(message)),
            made => made
                .map(drop)
                .map_err(ImageError::docker(format_args!("making {name}"))),
        }
    }

    /// The address of a container on its one network.
    pub(super) async fn address(&self, container: &str) -> Result<String, ImageError> {
        let attempt = format!("reading the address of {container}");
        let found = self.docker.inspect_container(container, None).await;
        let found = found.map_err(ImageError::docker(&attempt))?;
        found
            .network_settings
            .and_then(|settings| settings.networks)
            .into_iter()
            .flatten()
            .find_map(|(_, endpoint)| endpoint.ip_address.filter(|address| !address.is_empty()))
            .ok_or_else(|| ImageError::Answer(format!("{container} has no address")))
    }

    /// Runs a command in a container: its exit code, standard output, standard error. `environment` may hold secrets.
    pub(super) async fn run(
        &self,
        container: &str,
        command: &[&str],
        environment: Vec<String>,
    ) -> Result<(i64, String, String), ImageError> {
        let failed = || {
            ImageError::docker(format!(
                "running {} in {container}",
                command.first().unwrap_or(&"")
            ))
        };
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(environment),
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
            ..ExecConfig::default()
        };
        let made = self.docker.create_exec(container, config).await;
        let exec = made.map_err(failed())?.id;
        let (mut out, mut words) = (Vec::new(), Vec::new());
        let started = self.docker.start_exec(&exec, None).await;
        if let StartExecResults::Attached { mut output, .. } = started.map_err(failed())? {
            while let Some(chunk) = output.next().await {
                match chunk.map_err(failed())? {
                    LogOutput::StdErr { message } => words.extend_from_slice(&message),
                    other => out.extend_from_slice(other.as_ref()),
                }
            }
        }
        let ended = self.docker.inspect_exec(&exec).await.map_err(failed())?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((ended.exit_code.unwrap_or(-1), text(out), text(words)))
    }

    /// Waits for a container's end: its exit code.
    pub(super) async fn ended(&self, container: &str) -> Result<i64, ImageError> {
        let mut waiting = Box::pin(self.docker.wait_container(container, None));
        match waiting.next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(ImageError::docker(format_args!("waiting for {container}"))(
                error,
            )),
            None => Err(ImageError::Answer(format!(
                "the engine does not tell how {container} ended"
            ))),
        }
    }

    /// What a container wrote: standard output, standard error.
    pub(super) async fn logs(&self, container: &str) -> Result<(String, String), ImageError> {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .build();
        let (mut out, mut words) = (Vec::new(), Vec::new());
        let mut chunks = Box::pin(self.docker.logs(container, Some(options)));
        while let Some(chunk) = chunks.next().await {
            let attempt = format!("reading the log of {container}");
            match chunk.map_err(ImageError::docker(attempt))? {
                LogOutput::StdErr { message } => words.extend_from_slice(&message),
                other => out.extend_from_slice(other.as_ref()),
            }
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((text(out), text(words)))
    }

    /// Removes what this run made. A repeat does nothing.
    pub(super) async fn remove(&self) -> Result<(), ImageError> {
        self.remove_all(&self.id).await?;
        let _ = fs::remove_file(lock_of(&self.id));
        Ok(())
    }

    async fn remove_leftovers(&self) -> Result<(), ImageError> {
        let mut runs: Vec<_> = self.labelled(LABEL).await?.into_iter().collect();
        runs.sort();
        runs.dedup();
        for run in runs {
            // Without a lock file it was another user's or machine's, or its end removed the file: not known to be dead.
            let dead = File::open(lock_of(&run)).is_ok_and(|lock| lock.try_lock().is_ok());
            if run != self.id && dead {
                narrate(format_args!("removing what the test {run} left"));
                self.remove_all(&run).await?;
                let _ = fs::remove_file(lock_of(&run));
            }
        }
        Ok(())
    }

    /// The ids of runs that made something that is still there.
    async fn labelled(&self, label: &str) -> Result<Vec<String>, ImageError> {
        let attempt = "looking for what earlier tests left";
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let containers = self.docker.list_containers(Some(options)).await;
        let options = ListNetworksOptionsBuilder::default()
            .filters(&filters)
            .build();
        let networks = self.docker.list_networks(Some(options)).await;
        let options = ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let volumes = self.docker.list_volumes(Some(options)).await;
        let containers = containers.map_err(ImageError::docker(attempt))?;
        let networks = networks.map_err(ImageError::docker(attempt))?;
        let volumes = volumes.map_err(ImageError::docker(attempt))?.volumes;
        let labels = containers.into_iter().filter_map(|it| it.labels);
        let labels = labels.chain(networks.into_iter().filter_map(|it| it.labels));
        let labels = labels.chain(volumes.into_iter().flatten().map(|it| it.labels));
        Ok(labels
            .filter_map(|labels| labels.get(LABEL).cloned())
            .collect())
    }

    async fn remove_all(&self, run: &str) -> Result<(), ImageError> {
        let attempt = format!("removing what the test {run} made");
        let failed = || ImageError::docker(&attempt);
        let label = format!("{LABEL}={run}");
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let containers = self.docker.list_containers(Some(options)).await;
        for container in containers.map_err(failed())? {
            let options = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            let id = container.id.unwrap_or_default();
            gone(self.docker.remove_container(&id, Some(options)).await).map_err(failed())?;
        }
        let options = ListNetworksOptionsBuilder::default()
            .filters(&filters)
            .build();
        let networks = self.docker.list_networks(Some(options)).await;
        for network in networks.map_err(failed())? {
            let id = network.id.unwrap_or_default();
            gone(self.docker.remove_network(&id).await).map_err(failed())?;
        }
        let options = ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let volumes = self.docker.list_volumes(Some(options)).await;
        for volume in volumes.map_err(failed())?.volumes.into_iter().flatten() {
            let options = RemoveVolumeOptionsBuilder::default().force(true).build();
            gone(self.docker.remove_volume(&volume.name, Some(options)).await).map_err(failed())?;
        }
        Ok(())
    }
}

/// What is already gone, or is going, needs no removing.
fn gone(removed: Result<(), Error>) -> Result<(), Error> {
    match removed {
        Err(Error::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }) => Ok(()),
        removed => removed,
    }
}

/// One place for all users of a machine, as they may share the engine.
fn lock_of(run: &str) -> PathBuf {
    std::env::temp_dir().join(format!("bbws-image-test-{run}.lock"))
}

/// Asks until there is an answer, at most for `patience`; the last reason why not otherwise.
pub(super) async fn until<T>(
    patience: Duration,
    mut ask: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match ask().await {
            Ok(found) => return Ok(found),
            Err(reason) if tokio::time::Instant::now() > deadline => {
                return Err(reason.context(format!("still so after {} s", patience.as_secs())));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

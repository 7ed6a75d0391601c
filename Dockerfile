# One image for the API, the workers and the migrations; the command chooses.
# The Python that the tests run on.
FROM python:3.11.16-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# What runs has no pip of its own.
RUN ["python", "-m", "venv", "--without-pip", "/opt/bestfill"]
COPY requirements/run.txt requirements/
RUN ["pip", "--python", "/opt/bestfill/bin/python", "install", \
    "--require-hashes", "--only-binary=:all:", "--requirement=requirements/run.txt"]
COPY packages packages
COPY services services
# The build backend comes from the lock, so this fetches nothing.
RUN ["pip", "--python", "/opt/bestfill/bin/python", "install", "--no-index", "--no-deps", "--no-build-isolation", \
    "packages/core", "packages/adapters", "packages/client", "packages/cli", "services/api", "services/worker"]

FROM python:3.11.16-slim-bookworm
RUN ["useradd", "--system", "--uid=10001", "--user-group", "--no-create-home", "--shell=/usr/sbin/nologin", "bestfill"]
COPY --from=build /opt/bestfill /opt/bestfill
ENV PATH=/opt/bestfill/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /opt/bestfill
EXPOSE 3000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "bestfill_api"]

# One image for all. The command says what a container is: python -m ingest, worker or api; python -m front, for a sidecar.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/coinslot
ENV PATH=/opt/coinslot/bin:$PATH
WORKDIR /src
# Dependencies first, in a layer that is kept until pyproject.toml changes. Wheels only: there is no compiler here.
COPY pyproject.toml .
RUN python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
        extras = project["optional-dependencies"]; \
        print(*project["dependencies"], *extras["buckets"], *extras["grpc"], *extras["kubernetes"], sep="\n")' > requirements.txt \
    && pip install --only-binary :all: --requirement requirements.txt
COPY . .
RUN pip install --no-deps . && pip uninstall --yes setuptools pip

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin coinslot
COPY --from=build /opt/coinslot /opt/coinslot
# A container's own loopback is reached by nobody else, so the servers listen on all its addresses.
ENV PATH=/opt/coinslot/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=3000 MODE=prod
USER coinslot
EXPOSE 3000

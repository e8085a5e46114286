# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /bursar ./cmd/bursar && mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /bursar /usr/local/bin/bursar
COPY --from=build --chown=nonroot:nonroot /data /data
COPY policies.yaml /etc/bursar/policies.yaml
USER nonroot:nonroot
VOLUME /data
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/bursar"]
# Inside a container loopback is the container's own, so the admin listener is opened on all of its interfaces; publish it with care.
CMD ["serve", "-policies", "/etc/bursar/policies.yaml", "-listen", ":8080", "-admin", ":9090", "-data", "/data"]

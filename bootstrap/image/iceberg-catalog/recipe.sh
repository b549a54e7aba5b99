# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
upstream=docker.io/apache/iceberg-rest-fixture:1.11.0
packages=("${java_packages[@]}")
left_out=("${java_left_out[@]}")
options=(--user 1000:1000 --workdir /usr/lib/iceberg-rest --env JAVA_HOME=/opt/java/openjdk --env LANG=C.UTF-8
    --env CATALOG_CATALOG__IMPL=org.apache.iceberg.jdbc.JdbcCatalog --env CATALOG_JDBC_USER=user --env CATALOG_JDBC_PASSWORD=password
    --env 'CATALOG_URI=jdbc:sqlite:file::memory:?cache=shared' --env REST_PORT=8181
    --entrypoint java --cmd -cp --cmd '/usr/lib/iceberg-rest/*' --cmd org.apache.iceberg.rest.RESTCatalogServer)
# The official image has all of it in one jar. The fixture's own project declares no dependencies: these are the ones it runs with.
files() {
    java_home "$1"
    maven "$1/usr/lib/iceberg-rest" org.apache.iceberg:iceberg-open-api:1.11.0:test-fixtures org.apache.iceberg:iceberg-core:1.11.0 \
        org.apache.iceberg:iceberg-core:1.11.0:tests org.apache.iceberg:iceberg-aws:1.11.0 org.apache.iceberg:iceberg-aws-bundle:1.11.0 \
        org.apache.hadoop:hadoop-client-api:3.4.2 org.apache.hadoop:hadoop-client-runtime:3.4.2 org.xerial:sqlite-jdbc:3.50.3.0 \
        org.eclipse.jetty:jetty-server:12.1.5 org.eclipse.jetty.ee10:jetty-ee10-servlet:12.1.5 \
        org.eclipse.jetty.compression:jetty-compression-server:12.1.5 org.eclipse.jetty.compression:jetty-compression-gzip:12.1.5 \
        org.slf4j:slf4j-simple:2.0.17
}

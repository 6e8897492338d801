# An OpenBao that unseals itself: the key that it needs for it is a file (deploy/make-secrets.mjs).
storage "raft" {
  path    = "/openbao/data"
  node_id = "openbao"
}

seal "static" {
  current_key_id = "1"
  current_key    = "file:///run/secrets/openbao-seal-key"
}

listener "tcp" {
  address     = "0.0.0.0:8300"
  tls_disable = true
}

api_addr     = "http://openbao:8300"
cluster_addr = "http://openbao:8301"

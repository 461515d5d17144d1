"""What `cara dev`, the demonstration and the tests run on one machine: servers, leashes, supervision."""

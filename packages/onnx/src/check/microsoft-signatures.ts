/**
 * Signatures of the operators that ONNX Runtime adds.
 * Written by `bench/peers/onnx-schema.py --write`.
 */
export const microsoftSignatures: Readonly<Record<string, string>> = {
  SimplifiedLayerNormalization: '1 2 1..2 axis:int epsilon:float stash_type:int',
  'com.microsoft.Attention':
    '1 2..7 1..2 do_rotary:int mask_filter_value:float num_heads!:int past_present_share_buffer:int qkv_hidden_sizes:ints rotary_embedding_dim:int scale:float unidirectional:int',
  'com.microsoft.AttnLSTM':
    '1 3..14 0..3 activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string hidden_size:int input_forget:int',
  'com.microsoft.BeamSearch':
    '1 5..12?2 1..3 decoder!:graph decoder_start_token_id:int early_stopping:int encoder:graph eos_token_id!:int init_decoder:graph model_type:int no_repeat_ngram_size:int pad_token_id!:int vocab_size:int',
  'com.microsoft.BiasAdd': '1 3 1',
  'com.microsoft.BiasDropout': '1 2..5 1..2 seed:int',
  'com.microsoft.BiasGelu': '1 2 1',
  'com.microsoft.BiasSoftmax': '1 2 1 axis:int is_inner_broadcast!:int',
  'com.microsoft.BiasSplitGelu': '1 2 1',
  'com.microsoft.BifurcationDetector': '1 3..4 2 max_ngram_size:int min_ngram_size:int',
  'com.microsoft.BitmaskBiasDropout': '1 2..5 1..2 seed:int',
  'com.microsoft.BitmaskDropout': '1 1..3 1..2 seed:int',
  'com.microsoft.BranchwiseRMSNorm': '1 1..2 1 epsilon:float num_branches:int',
  'com.microsoft.CDist': '1 2 1 metric:string',
  'com.microsoft.CausalConvWithState':
    '1 2..4 2..3 activation:string channels_last:int dilation:int input_channel_offset:int input_channels:int ndim:int state_channels_last:int state_length:int state_update_capacity:int state_window:int',
  'com.microsoft.ComplexMul': '1 2 1',
  'com.microsoft.ComplexMulConj': '1 2 1',
  'com.microsoft.ConvStateReplay': '1 4 1',
  'com.microsoft.ConvTransposeWithDynamicPads':
    '1 2..4 1 auto_pad:string dilations:ints group:int kernel_shape:ints output_padding:ints strides:ints',
  'com.microsoft.CropAndResize': '1 4 1 extrapolation_value:float mode:string',
  'com.microsoft.DecoderAttention': '1 12?5,6,7 1..3 mask_filter_value:float num_heads!:int',
  'com.microsoft.DecoderMaskedMultiHeadAttention':
    '1 1..11 1..4 mask_filter_value:float num_heads!:int output_qk:int past_present_share_buffer:int scale:float',
  'com.microsoft.DecoderMaskedSelfAttention':
    '1 7..9?3,5 2 do_rotary:int mask_filter_value:float num_heads!:int past_present_share_buffer:int scale:float',
  'com.microsoft.DequantizeBFP': '1 3 1 bfp_type!:int block_dim:int dtype:int',
  'com.microsoft.DequantizeLinear': '1 2..3 1 axis:int',
  'com.microsoft.DequantizeWithOrder': '1 2 1 order_input!:int order_output!:int to!:int',
  'com.microsoft.DynamicQuantizeLSTM':
    '1 12?3,4,5,6,7 0..3 activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string hidden_size:int input_forget:int',
  'com.microsoft.DynamicQuantizeMatMul': '1 3..5 1',
  'com.microsoft.DynamicSparseAttention':
    '1 11..20?1,2,3,4,5,6 1..4 attention_mode:string auxiliary_kv_shared:int do_rotary:int is_causal:int kv_num_heads!:int local_window_size:int num_heads!:int output_bf16:int qk_norm_epsilon:float rotary_interleaved:int rotary_offset:int scale:float selected_kv_source:string smooth_softmax:int',
  'com.microsoft.DynamicTimeWarping': '1 1 1',
  'com.microsoft.EPContext':
    '1 0.. 1.. embed_mode:int ep_cache_context:string ep_sdk_version:string hardware_architecture:string main_context:int max_size:int notes:string onnx_model_filename:string partition_name:string source:string',
  'com.microsoft.EmbedLayerNormalization': '1 7..9?1,4 1..3 epsilon:float mask_index_type:int',
  'com.microsoft.EngramGate': '1 5..6 1..2 epsilon:float',
  'com.microsoft.ExpandDims': '1 2 1',
  'com.microsoft.FastGelu': '1 1..2 1',
  'com.microsoft.FusedConv':
    '1 2..4 1 activation:string activation_params:floats auto_pad:string dilations:ints group:int kernel_shape:ints pads:ints strides:ints',
  'com.microsoft.FusedGemm':
    '1 2..3 1 activation:string activation_alpha:float activation_beta:float activation_gamma:float alpha:float beta:float transA:int transB:int',
  'com.microsoft.FusedMatMul': '1 2 1 alpha:float transA:int transB:int transBatchA:int transBatchB:int',
  'com.microsoft.FusedMatMulActivation':
    '1 2 1 activation!:string activation_alpha:float activation_axis:int activation_beta:float activation_gamma:float alpha:float transA:int transB:int transBatchA:int transBatchB:int',
  'com.microsoft.GatedAdd': '1 3..4 1',
  'com.microsoft.GatedDeltaNet':
    '1 1..11 1..3 beta_activation:string chunk_size:int gate_activation:string gate_lower_bound:float qk_l2_norm:int scale:float state_update_capacity:int update_rule:string',
  'com.microsoft.GatedDeltaNetStateReplay': '1 4 1',
  'com.microsoft.GatedRMSNorm': '1 3 1 activation:string epsilon:float',
  'com.microsoft.GatedRelativePositionBias': '1 6..7 1 num_heads!:int',
  'com.microsoft.GatherBlockQuantized': '1 3..4 1 bits:int block_size:int gather_axis:int quantize_axis:int',
  'com.microsoft.GatherND': '1 2 1',
  'com.microsoft.GatherPacked': '1 2 1 K!:int output_dtype:int packed_type!:int',
  'com.microsoft.Gelu': '1 1 1',
  'com.microsoft.GemmFastGelu': '1 2..3 1',
  'com.microsoft.GemmFloat8': '1 2..6 1 activation:string alpha:float beta:float dtype:int transA:int transB:int',
  'com.microsoft.GemmaRotaryEmbedding': '1 5 2',
  'com.microsoft.GreedySearch':
    '1 2..7 1 decoder!:graph decoder_start_token_id:int encoder:graph eos_token_id!:int init_decoder:graph model_type:int no_repeat_ngram_size:int pad_token_id!:int vocab_size:int',
  'com.microsoft.GridSample': '1 2 1 align_corners:int mode:string padding_mode:string',
  'com.microsoft.GroupNorm': '1 3 1 activation!:int channels_last:int epsilon:float groups!:int',
  'com.microsoft.GroupQueryAttention':
    '1 7..17?1,2,3,4 1..4 causal:int do_rotary:int k_norm_epsilon:float k_quant_type:string kv_cache_bit_width:int kv_num_heads!:int local_window_size:int num_heads!:int q_norm_epsilon:float qk_norm_epsilon:float qk_output:int rotary_interleaved:int scale:float sliding_window_cache:int smooth_softmax:int softcap:float v_quant_type:string',
  'com.microsoft.HyperConnectionLowRankMix':
    '1 5..7 2..3 epsilon:float gate_div:float gate_mul:float num_branches!:int reduction_scale:float silu_alpha:float',
  'com.microsoft.HyperConnectionPostMix': '1 3..4 1 num_branches:int',
  'com.microsoft.HyperConnectionPreMix': '1 2 1 num_branches:int reduction_scale:float',
  'com.microsoft.Inverse': '1 1 1',
  'com.microsoft.Irfft': '1 1 1 normalized:int onesided:int signal_ndim!:int',
  'com.microsoft.IsAllFinite': '1 1.. 1 isinf_only:int isnan_only:int',
  'com.microsoft.LinearAttention':
    '1 3..6 2 chunk_size:int kv_num_heads!:int q_num_heads!:int scale:float state_window:int update_rule:string',
  'com.microsoft.LinearAttentionGate': '1 3..4 1..2',
  'com.microsoft.LongformerAttention': '1 7 1 num_heads!:int window!:int',
  'com.microsoft.MRotaryEmbedding':
    '1 4 1 interleaved:int is_packed_batching:int mrope_layout:int mrope_section!:ints num_heads:int rotary_embedding_dim:int scale:float',
  'com.microsoft.Mamba2Verify':
    '1 10 3..5 d_state:int epsilon:float head_dim:int heads!:int n_groups!:int time_step_min:float',
  'com.microsoft.MatMulBlockQuantizedFp4Weight': '1 4..6 1 block_size:int',
  'com.microsoft.MatMulBlockQuantizedFp8Weight': '1 3..5 1 block_size:int',
  'com.microsoft.MatMulBnb4': '1 3 1 K!:int N!:int block_size!:int quant_type!:int training_mode:int transB:int',
  'com.microsoft.MatMulFpQ4': '1 3 1 blk_quant_type:int',
  'com.microsoft.MatMulInteger16': '1 2 1',
  'com.microsoft.MatMulIntegerToFloat': '1 4..7 1',
  'com.microsoft.MatMulNBits':
    '1 3..6 1 K!:int N!:int accuracy_level:int bits:int block_size!:int weight_prepacked:int',
  'com.microsoft.MatMulNBitsMlp':
    '1 8..9?1,2,5 1..2 K!:int N!:int accuracy_level:int activation!:string bits:int block_size!:int epsilon:float',
  'com.microsoft.MatMulNBitsQLoRA':
    '1 7 1 K!:int N!:int accuracy_level:int bits:int block_size:int lora_bits:int lora_block_size:int',
  'com.microsoft.MatMulNBitsQkv':
    '1 11..12?1,5,8 3..4 K!:int Nkv!:int Nq!:int accuracy_level:int bits:int block_size!:int epsilon:float',
  'com.microsoft.MatMulPacked': '1 2..3 1 K!:int N!:int activation_type:string packed_type!:int',
  'com.microsoft.MaxpoolWithMask': '1 2 1 auto_pad:string kernel_shape:ints pads:ints storage_order:int strides:ints',
  'com.microsoft.MoE':
    '1 5..8?3 1 activation_alpha:float activation_beta:float activation_type:string k:int normalize_routing_weights:int swiglu_fusion:int swiglu_limit:float swiglu_limit_after_activation:int use_sparse_mixer:int',
  'com.microsoft.MoEGroupRouter':
    '1 2..3 0..3 group_topk:int n_group:int router_sentinel:float top_k!:int topk_group:int',
  'com.microsoft.MoEPacked':
    '1 5..6?3 1 activation_type:string down_type!:int gate_type!:int k:int normalize_routing_weights:int routed_scaling_factor:float routing_epsilon:float up_type:int',
  'com.microsoft.MulInteger': '1 3..4?1 1',
  'com.microsoft.MultiHeadAttention':
    '1 1..10 1..4 mask_filter_value:float num_heads!:int scale:float unidirectional:int',
  'com.microsoft.MurmurHash3': '1 1 1 positive:int seed:int',
  'com.microsoft.NGramHashMapping':
    '1 3..7 1..2 max_ngram_size!:int n_head_per_ngram!:int pad_id!:int reset_on_eos:int',
  'com.microsoft.NGramRepeatBlock': '1 2 1 ngram_size!:int',
  'com.microsoft.NhwcConv':
    '1 2..3 1 auto_pad:string dilations:ints group:int kernel_shape:ints pads:ints strides:ints',
  'com.microsoft.NhwcFusedConv':
    '1 2..4 1 activation:string activation_params:floats auto_pad:string dilations:ints group:int kernel_shape:ints pads:ints strides:ints',
  'com.microsoft.NhwcMaxPool':
    '1 1 1 auto_pad:string ceil_mode:int dilations:ints kernel_shape!:ints pads:ints strides:ints',
  'com.microsoft.PackedAttention': '1 5..6 1 num_heads!:int qkv_hidden_sizes:ints scale:float',
  'com.microsoft.PackedMultiHeadAttention': '1 6..7?1,2,3 1 mask_filter_value:float num_heads!:int scale:float',
  'com.microsoft.PackedSparseAttentionIndexer':
    '1 16..22?1,8,9,10,11,14 6..9?4 compress_ratio!:int epsilon:float head_weight_scale:float index_topk:int indexshare_state_policy:string max_output_entries:int policy_mode!:string scale:float state_capacity!:int state_update_capacity:int token_budget:int',
  'com.microsoft.PackedSparseAttentionIndexerMerge': '1 3..7 3 max_output_entries!:int policy_mode!:string',
  'com.microsoft.Pad': '1 2..3 1 mode:string',
  'com.microsoft.PagedAttention':
    '1 8..17?1,2,4 1..3 do_rotary:int is_causal:int k_cache_dtype:string k_quant_type:string kv_cache_layout:string kv_num_heads!:int local_window_size:int num_heads!:int qk_norm_epsilon:float rotary_interleaved:int rotary_offset:int scale:float softcap:float v_cache_dtype:string v_head_size:int v_quant_type:string',
  'com.microsoft.QAttention':
    '1 5..9 1..2 do_rotary:int mask_filter_value:float num_heads!:int past_present_share_buffer:int scale:float unidirectional:int',
  'com.microsoft.QEmbedLayerNormalization': '1 18?1,4,7,10,15 2 epsilon:float',
  'com.microsoft.QGemm': '1 6..9 1 alpha:float transA:int transB:int',
  'com.microsoft.QLinearAdd': '1 7..8?2,5 1',
  'com.microsoft.QLinearAveragePool':
    '1 4..5?2 1 auto_pad:string ceil_mode:int channels_last:int count_include_pad:int kernel_shape!:ints pads:ints strides:ints',
  'com.microsoft.QLinearConcat': '1 3.. 1 axis!:int',
  'com.microsoft.QLinearConv':
    '1 8..9 1 auto_pad:string channels_last:int dilations:ints group:int kernel_shape:ints pads:ints strides:ints',
  'com.microsoft.QLinearGlobalAveragePool': '1 5 1 channels_last:int',
  'com.microsoft.QLinearLeakyRelu': '1 4..5?2 1 alpha:float',
  'com.microsoft.QLinearMul': '1 7..8?2,5 1',
  'com.microsoft.QLinearReduceMean': '1 4..5?2 1 axes!:ints keepdims!:int',
  'com.microsoft.QLinearSigmoid': '1 4..5?2 1',
  'com.microsoft.QLinearSoftmax': '1 5?2 1 axis:int opset!:int',
  'com.microsoft.QLinearWhere': '1 9 1',
  'com.microsoft.QMoE':
    '1 6..21?3,4 1 accuracy_level:int activation_alpha:float activation_beta:float activation_type:string block_size:int expert_weight_bits:int fc1_expert_weight_bits:int fc2_expert_weight_bits:int fc3_expert_weight_bits:int k:int normalize_routing_weights:int quant_type:string swiglu_fusion:int swiglu_limit:float swiglu_limit_after_activation:int use_sparse_mixer:int weights_prepacked:int',
  'com.microsoft.QOrderedAttention':
    '1 17..20?14,15 1 num_heads!:int order_input!:int order_output!:int order_weight!:int qkv_hidden_sizes:ints unidirectional:int',
  'com.microsoft.QOrderedGelu': '1 3 1 order_X:int order_Y:int',
  'com.microsoft.QOrderedLayerNormalization': '1 5?3 1 axis:int epsilon:float order_X:int order_Y:int',
  'com.microsoft.QOrderedLongformerAttention':
    '1 14 1 num_heads!:int order_global_weight!:int order_input!:int order_output!:int order_weight!:int window!:int',
  'com.microsoft.QOrderedMatMul': '1 5..8 1 order_A!:int order_B!:int order_Y!:int',
  'com.microsoft.QuantizeBFP': '1 1 3 bfp_type!:int block_dim:int',
  'com.microsoft.QuantizeLinear': '1 2..3 1 axis:int',
  'com.microsoft.QuantizeWithOrder': '1 2 1 order_input!:int order_output!:int',
  'com.microsoft.QuickGelu': '1 1 1 alpha:float',
  'com.microsoft.RMSNormRotary':
    '1 5..6 1..2 epsilon:float flatten_batch:int input_start:int input_width:int output_fp16:int rotary_embedding_dim!:int use_fp32_arithmetic:int',
  'com.microsoft.Range': '1 2..3 1',
  'com.microsoft.ReduceSumInteger': '1 1 1 axes!:ints keepdims!:int',
  'com.microsoft.RelativePositionBias': '1 3 1 is_bidirectional:int max_distance!:int',
  'com.microsoft.RemovePadding': '1 2 4',
  'com.microsoft.RestorePadding': '1 2 1',
  'com.microsoft.Rfft': '1 1 1 normalized:int onesided:int signal_ndim:int',
  'com.microsoft.RotaryEmbedding':
    '1 4 1 interleaved:int is_packed_batching:int num_heads:int rotary_embedding_dim:int scale:float',
  'com.microsoft.RouterGateUpProj':
    '1 2 2 activation:string activation_alpha:float activation_beta:float limit:float router_size!:int',
  'com.microsoft.SampleOp': '1 1 1',
  'com.microsoft.Sampling':
    '1 2..9 1..2 custom:int decoder!:graph decoder_start_token_id:int encoder:graph eos_token_id!:int filter_value:float init_decoder:graph min_tokens_to_keep:int model_type:int no_repeat_ngram_size:int pad_token_id!:int presence_penalty:float temperature:float top_p:float vocab_size:int',
  'com.microsoft.ScaledSiLU': '1 1..2 1 alpha:float',
  'com.microsoft.SkipGroupNorm': '1 4..5 1..2 activation!:int channels_last:int epsilon:float groups!:int',
  'com.microsoft.SkipLayerNormalization': '1 3..5 1..4 epsilon:float',
  'com.microsoft.SkipSimplifiedLayerNormalization': '1 3..4 1..4 epsilon:float',
  'com.microsoft.Snpe': '1 1.. 1.. DLC!:string notes:string snpe_version:string target_device:string',
  'com.microsoft.SparseAttention':
    '1 9..11?1,2 3 do_rotary:int kv_num_heads!:int num_heads!:int rotary_interleaved:int scale:float sparse_block_size!:int',
  'com.microsoft.SparseAttentionIndexer':
    '1 8..14?1,6 2..3 compress_ratio!:int epsilon:float head_weight_scale:float index_topk:int policy_mode!:string scale:float token_budget:int',
  'com.microsoft.SparsePagedAttention':
    '1 11..22?1,2,8 1..3 attention_mode:string auxiliary_cache_layout:string auxiliary_kv_shared:int do_rotary:int is_causal:int k_quant_type:string kv_num_heads!:int local_window_size:int num_heads!:int qk_norm_epsilon:float rotary_interleaved:int rotary_offset:int scale:float selected_kv_source:string softcap:float v_quant_type:string',
  'com.microsoft.SparseToDenseMatMul': '1 2 1 alpha:float transA:int transB:int',
  'com.microsoft.SpeculativePrefixCommit': '1 7 3 head_rows:int',
  'com.microsoft.SwiGLU': '1 1..2 1 activation_alpha:float activation_beta:float limit:float round_activation:int',
  'com.microsoft.Tokenizer': '1 1 1 mark!:int mincharnum!:int pad_value!:string separators:strings tokenexp:string',
  'com.microsoft.TorchEmbedding': '1 2..4 1',
  'com.microsoft.TransposeMatMul': '1 2 1 alpha:float transA:int transB:int',
  'com.microsoft.Trilu': '1 1..2 1 upper:int',
  'com.microsoft.UnfoldTensor': '1 1 1 dim:int size!:int step:int',
  'com.microsoft.Unique': '1 1 3',
  'com.microsoft.VarlenCausalConvWithState':
    '1 5..8?3 2..3 activation:string delta_offset:int dilation:int group_size:int state_update_capacity:int',
  'com.microsoft.VarlenNGramHashMapping':
    '1 4..10 1..4 max_ngram_size!:int n_head_per_ngram!:int pad_id!:int reset_on_eos:int state_update_capacity:int',
  'com.microsoft.WhisperBeamSearch':
    '1 5..15?2 1..5 beginning_timestamp_token_id:int decoder!:graph decoder_output_cross_qk:int decoder_start_token_id:int early_stopping:int encoder:graph eos_token_id!:int init_decoder:graph model_type:int no_repeat_ngram_size:int no_speech_token_id:int no_timestamps_token_id:int pad_token_id!:int start_of_lm_token_id:int transcribe_token_id:int translate_token_id:int vocab_size:int',
  'com.microsoft.WordConvEmbedding': '1 4 1 char_embedding_size:int conv_window_size:int embedding_size:int',
};
